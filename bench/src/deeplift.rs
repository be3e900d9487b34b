//! DeepLIFT of a batch at a time, so that another program can take its turn in between.

use crate::step::{milliseconds, peak_kib};
use basewise_nn::bench::Explained;
use std::io::{self, BufRead, Write};

/// Says `ready`, then explains for each line `explain` and answers with milliseconds and peak memory in KiB.
pub(crate) fn serve(explained: &mut Explained, requests: impl BufRead, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "ready")?;
    out.flush()?;
    for request in requests.lines() {
        let request = request?;
        if request.trim() != "explain" {
            let message = format!("expected explain, found {request:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut error = 0.0;
        let taken = milliseconds(|| error = explained.explain());
        // Contributions that do not sum to the change are not worth a time.
        if error >= 1e-4 || error.is_nan() {
            return Err(io::Error::other(format!("expected sums to 1e-4, found an error of {error}")));
        }
        writeln!(out, "{taken:.4} {}", peak_kib())?;
        out.flush()?;
    }
    Ok(())
}
