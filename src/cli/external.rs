use camino::{Utf8Path, Utf8PathBuf};
use zeroize::Zeroizing;

use crate::ExternalFiles;
use crate::disk;
use crate::layout::is_private;
use crate::pki::{EXTERNAL_FILES, External};
use crate::source::{Beside, Source};

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
    if let Some((message, help)) = unusable(&base, &place) {
        return Ok(Some(External::unusable(place, message, help)));
    }
    let mut files = Vec::new();
    for cluster in &clusters {
        for file in EXTERNAL_FILES {
            let path = place.join(cluster).join(file);
            if let Some((message, help)) = outside(&base, &path, "file") {
                return Ok(Some(External::unusable(place, message, help)));
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

/// A file that a topology names, such as the CA of a proxy.
pub(super) fn read_beside(topology: &Utf8Path, file: &str) -> Beside {
    let base = directory_of(topology);
    let path = if base == "." { Utf8PathBuf::from(file) } else { base.join(file) };
    if outside(&base, &path, "file").is_some() {
        return Err("leads out of the repository of the topology".to_owned());
    }
    match disk::read_if_there(&path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("does not exist".to_owned()),
        Err(refused) => Err(format!("cannot be read: {}", disk::cause(&refused.error))),
    }
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
    if let Err(error) = base.canonicalize_utf8().and(place.canonicalize_utf8()) {
        return fault(format!("cannot be found: {}", disk::cause(&error)), "name a directory that you may read");
    }
    outside(base, place, "directory")
}

/// The same of what leads out of the repository of a directory, or out of the directory if it is in none.
fn outside(base: &Utf8Path, place: &Utf8Path, kind: &str) -> Option<(String, &'static str)> {
    let (base, real) = (base.canonicalize_utf8().ok()?, place.canonicalize_utf8().ok()?);
    let repository = repository(&base).unwrap_or(&base);
    let message = || format!("the {kind} `{place}` leads to {real}, outside {repository}");
    (!real.starts_with(repository)).then(|| (message(), "keep the files beside the topology"))
}

/// The repository that a directory stands in; links in its path were followed before.
pub(super) fn repository(directory: &Utf8Path) -> Option<&Utf8Path> {
    directory.ancestors().find(|ancestor| disk::exists(&ancestor.join(".git")))
}

/// A symbolic link on the way to a directory that leads from one place of a repository to another one.
pub(super) fn link_on_the_way(directory: &Utf8Path) -> Option<Utf8PathBuf> {
    // The shell knows by which way it came.
    let shell = std::env::var("PWD").ok().map(Utf8PathBuf::from).filter(|way| {
        directory.is_relative() && way.canonicalize_utf8().ok() == Utf8Path::new(".").canonicalize_utf8().ok()
    });
    let way = directory.ancestors().chain(shell.iter().flat_map(|way| way.ancestors()));
    way.filter(|ancestor| !ancestor.as_str().is_empty()).find_map(|ancestor| {
        let is_link = ancestor.symlink_metadata().is_ok_and(|found| found.is_symlink());
        let place = directory_of(ancestor).canonicalize_utf8().ok().filter(|_| is_link)?;
        let real = ancestor.canonicalize_utf8().ok()?;
        repository(&place).is_some_and(|repository| real.starts_with(repository)).then(|| ancestor.to_owned())
    })
}

/// Refuses a topology that is a link out of its repository: reports show the lines of what it leads to.
pub(super) fn refuse_link(topology: &Utf8Path) -> Result<(), Refusal> {
    let (Ok(base), Ok(real)) = (directory_of(topology).canonicalize_utf8(), topology.canonicalize_utf8()) else {
        return Ok(());
    };
    match repository(&base).filter(|repository| !real.starts_with(repository)) {
        Some(repository) => Err(Refusal(format!(
            "{topology}: is a symbolic link that leads out of {repository}: replace it by the file, or name the file"
        ))),
        None => Ok(()),
    }
}
