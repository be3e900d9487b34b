//! What readers and writers do with good, bad and hostile files.

#[cfg(test)]
mod bad_inputs;
#[cfg(test)]
mod build_intervals;
#[cfg(test)]
mod build_sequences;
#[cfg(test)]
mod build_signal;
#[cfg(test)]
mod genomes;
#[cfg(test)]
mod never_panics;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod round_trips;
#[cfg(test)]
mod similarity;
#[cfg(test)]
mod streaming;
#[cfg(test)]
mod support;
