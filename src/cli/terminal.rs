use std::io;

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};

/// Whether a stream gets colours: a terminal does, unless `NO_COLOR`, `TERM` or the like say otherwise.
pub(super) fn is_colour_wanted(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// The width of a stream: of `COLUMNS`, or of the terminal.
pub(super) fn columns(stream: &impl RawStream) -> Option<usize> {
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    wanted.or_else(|| stream.is_terminal().then(width).flatten()).filter(|columns| *columns > 0)
}

fn width() -> Option<usize> {
    let size =
        rustix::termios::tcgetwinsize(io::stdout()).or_else(|_| rustix::termios::tcgetwinsize(io::stderr())).ok()?;
    Some(usize::from(size.ws_col))
}
