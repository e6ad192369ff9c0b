use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::ExternalFiles;
use crate::disk;
use crate::layout::is_private;
use crate::pki::{EXTERNAL_FILES, External};
use crate::source::Source;

use super::{Refusal, directory_of, refused};

/// The files of the external authority that a topology names, if it names one. What is missing is for the rules to say.
pub(super) fn read(source: &Source, topology: &Utf8Path) -> Result<Option<External>, Refusal> {
    read_named(ExternalFiles::of_source(source), topology)
}

/// The same of a topology that was read already.
pub(super) fn read_named(files: Option<ExternalFiles>, topology: &Utf8Path) -> Result<Option<External>, Refusal> {
    let Some(ExternalFiles { directory, clusters }) = files else { return Ok(None) };
    let base = directory_of(topology);
    let place = if base == "." { Utf8PathBuf::from(directory) } else { base.join(directory) };
    let repository = match repository(&base, &place) {
        Ok(repository) => repository,
        Err((message, help)) => return Ok(Some(External::unusable(place, message, help))),
    };
    let mut files = Vec::new();
    for cluster in &clusters {
        for file in EXTERNAL_FILES {
            let path = place.join(cluster).join(file);
            if let Some((message, help)) = leads_outside(&path, &repository) {
                return Ok(Some(External::unusable(place, format!("`{path}` {message}"), help)));
            }
            if is_private(path.as_str())
                && disk::exists(&path)
                && let Some(why) =
                    disk::open_to_others(&path, &disk::open(&path)?).map_err(|error| refused(path.as_str(), &error))?
            {
                return Err(Refusal(format!("{path} {why}\nWhoever has it can sign for `{cluster}`.")));
            }
            if let Some(bytes) = disk::read_if_there(&path)? {
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

/// A message and what to do.
type Unusable = (String, &'static str);

/// The repository in which the directory stands, or why the directory cannot be used.
fn repository(base: &Utf8Path, place: &Utf8Path) -> Result<Utf8PathBuf, Unusable> {
    let fault = |what: String, help| Err((format!("the directory `{place}` {what}"), help));
    if !disk::exists(place) {
        return fault(
            "does not exist".to_owned(),
            "correct the path, which starts at the topology, or put the files of each cluster there: `<directory>/<cluster>/ca-cert.pem`",
        );
    }
    if !disk::is_directory(place) {
        return fault("is not a directory".to_owned(), "name the directory that contains a directory of each cluster");
    }
    let base = match base.canonicalize_utf8() {
        Ok(base) => base,
        Err(error) => return fault(format!("cannot be found: {}", disk::cause(&error)), MAY_READ),
    };
    let repository = base.ancestors().find(|ancestor| disk::exists(&ancestor.join(".git"))).unwrap_or(&base);
    match leads_outside(place, repository) {
        Some((what, help)) => fault(what, help),
        None => Ok(repository.to_owned()),
    }
}

const MAY_READ: &str = "name a directory that you may read";

/// Whether a path leads out of the repository, so that what it names is not in a clone. Nothing at the path leads nowhere.
fn leads_outside(path: &Utf8Path, repository: &Utf8Path) -> Option<Unusable> {
    match path.canonicalize_utf8() {
        Ok(real) if real.starts_with(repository) => None,
        Ok(real) => Some((format!("leads to {real}, outside {repository}"), "keep the files beside the topology")),
        Err(_) if !disk::exists(path) => None,
        Err(error) => Some((format!("cannot be found: {}", disk::cause(&error)), MAY_READ)),
    }
}
