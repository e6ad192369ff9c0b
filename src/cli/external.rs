use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::ExternalFiles;
use crate::disk;
use crate::pki::{EXTERNAL_FILES, External};
use crate::source::Source;

use super::{Refusal, directory_of};

/// The files of the external authority that a topology names, if it names one. What is missing is for the rules to say.
pub(super) fn read(source: &Source, topology: &Utf8Path) -> Result<Option<External>, Refusal> {
    read_named(ExternalFiles::of_source(source), topology)
}

/// The same of a topology that was read already.
pub(super) fn read_named(files: Option<ExternalFiles>, topology: &Utf8Path) -> Result<Option<External>, Refusal> {
    let Some(ExternalFiles { directory, clusters }) = files else { return Ok(None) };
    let base = directory_of(topology);
    let place = if base == "." { Utf8PathBuf::from(directory) } else { base.join(directory) };
    if let Some((message, help)) = unusable(&base, &place) {
        return Ok(Some(External::unusable(place, message, help)));
    }
    let mut files = Vec::new();
    for cluster in &clusters {
        for file in EXTERNAL_FILES {
            if let Some(bytes) = disk::read_if_there(&place.join(cluster).join(file))? {
                // A file that is not valid UTF-8 is not valid PEM either, and gets a finding.
                let text = String::from_utf8(bytes).unwrap_or_default();
                files.push((format!("{cluster}/{file}"), Zeroizing::new(text)));
            }
        }
    }
    Ok(Some(External::new(place, files)))
}

/// The same from elsewhere than the disk: `read` gives the bytes of a file beside the topology, if there is one.
pub(super) fn read_by(
    source: &Source,
    read: impl Fn(&str) -> Result<Option<Vec<u8>>, Refusal>,
) -> Result<Option<External>, Refusal> {
    let Some(ExternalFiles { directory, clusters }) = ExternalFiles::of_source(source) else { return Ok(None) };
    let mut files = Vec::new();
    for cluster in &clusters {
        for file in EXTERNAL_FILES.into_iter().filter(|file| !file.ends_with("key.pem")) {
            if let Some(bytes) = read(&format!("{directory}/{cluster}/{file}"))? {
                files.push((format!("{cluster}/{file}"), Zeroizing::new(String::from_utf8(bytes).unwrap_or_default())));
            }
        }
    }
    if files.is_empty() {
        let message = format!("the directory `{directory}` has no certificate of a cluster in this commit");
        return Ok(Some(External::unusable(directory, message, "compare with a commit that has them")));
    }
    Ok(Some(External::new(directory, files)))
}

/// Why a directory cannot be used, and what to do. One outside the repository is not in a clone.
fn unusable(base: &Utf8Path, place: &Utf8Path) -> Option<(String, &'static str)> {
    let fault = |what: String, help| Some((format!("the directory `{place}` {what}"), help));
    if !disk::exists(place) {
        return fault(
            "does not exist".to_owned(),
            "correct the path, which starts at the topology, or put the files of each cluster there: `<directory>/<cluster>/ca-cert.pem`",
        );
    }
    if !disk::is_directory(place) {
        return fault("is not a directory".to_owned(), "name the directory that contains a directory of each cluster");
    }
    let (base, real_place) = match (base.canonicalize_utf8(), place.canonicalize_utf8()) {
        (Ok(base), Ok(place)) => (base, place),
        (Err(error), _) | (_, Err(error)) => {
            return fault(format!("cannot be found: {}", disk::cause(&error)), "name a directory that you may read");
        }
    };
    let repository = base.ancestors().find(|ancestor| disk::exists(&ancestor.join(".git"))).unwrap_or(&base);
    if real_place.starts_with(repository) {
        return None;
    }
    fault(format!("leads to {real_place}, outside {repository}"), "keep the files beside the topology")
}
