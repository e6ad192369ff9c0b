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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_people_meet_says_what_to_do() {
        let told = [
            (Errno::NOENT, "check its path"),
            (Errno::ACCESS, "change its mode"),
            (Errno::PERM, "change its mode"),
            (Errno::ISDIR, "a file is needed"),
            (Errno::NOTDIR, "not a directory"),
            (Errno::EXIST, "move it away"),
            (Errno::NOSPC, "make some"),
            (Errno::DQUOT, "make some"),
            (Errno::ROFS, "on another one"),
            (Errno::NAMETOOLONG, "too long"),
            (Errno::LOOP, "in a circle"),
            (Errno::MFILE, "ulimit"),
            (Errno::NFILE, "ulimit"),
            (Errno::IO, "error"),
        ];
        for (error, words) in told {
            let said = cause(&error.into());
            assert!(said.contains(words), "{said}");
        }
    }
}
