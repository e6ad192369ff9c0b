use std::io;

use rustix::io::Errno;

/// What an error means and what to do, as the rest of a sentence. An error that is not of the operating system says it already.
pub fn cause(error: &io::Error) -> String {
    let cause = match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "there is no such file or directory: check its path",
        Some(Errno::ACCESS | Errno::PERM) => {
            "permission denied: change its mode or its owner, or run meshgen as another user"
        }
        Some(Errno::ISDIR) => "is a directory, and a file is needed: name another path",
        Some(Errno::NOTDIR) => "a part of this path is a file, not a directory: name another path",
        Some(Errno::EXIST) => "exists already: move it away, or name another path",
        Some(Errno::NOSPC | Errno::DQUOT) => "no space is left on the disk: make some, and run the command again",
        Some(Errno::ROFS) => "the file system is read-only: name a path on another one",
        Some(Errno::NAMETOOLONG) => "the name is too long: name another path",
        Some(Errno::LOOP) => "its symbolic links lead in a circle: name another path",
        Some(Errno::MFILE | Errno::NFILE) => "too many files are open: close other programs, or raise `ulimit -n`",
        _ => return error.to_string(),
    };
    cause.to_owned()
}
