//! A writer that scrubs what goes through it.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::scrub::scrub;

/// Makes writers of the wrapped kind that scrub each line.
///
/// The formatter hands over one whole event per call, so a secret is never cut in two.
#[derive(Clone, Debug)]
pub struct Scrubbed<M>(pub M);

/// A scrubbing writer.
#[derive(Debug)]
pub struct ScrubbingWriter<W>(W);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Scrubbed<M> {
    type Writer = ScrubbingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        ScrubbingWriter(self.0.make_writer())
    }
}

impl<W: Write> Write for ScrubbingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(&scrub(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
