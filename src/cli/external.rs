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
    refuse_outside(&base, &place)?;
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
    Ok(Some(External::new(directory, files)))
}

/// Refuses a directory outside the repository, because a clone does not have it.
fn refuse_outside(base: &Utf8Path, place: &Utf8Path) -> Result<(), Refusal> {
    let real = |path: &Utf8Path| path.canonicalize_utf8().map_err(|error| Refusal(format!("{path}: {error}")));
    let (base, real_place) = (real(base)?, real(place)?);
    let repository: Utf8PathBuf =
        base.ancestors().find(|ancestor| disk::exists(&ancestor.join(".git"))).unwrap_or(&base).to_owned();
    if real_place.starts_with(&repository) {
        return Ok(());
    }
    Err(Refusal(format!(
        "`certificates.directory` leads to {real_place}, outside {repository}: keep the files beside the topology"
    )))
}
