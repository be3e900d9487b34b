//! Scalars as TensorBoard reads them: records of protocol buffers with masked CRC-32C checksums.
//!
//! A record is the length of its data (8 bytes, little-endian), the checksum of these 8 bytes, the data, and their
//! checksum (TensorFlow's TFRecord format). The data are a message `Event` of TensorFlow's `event.proto`.

use super::{EpochRecord, EpochTiming};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Directory within the run directory.
pub(super) const DIRECTORY: &str = "tensorboard";
/// TensorBoard takes files that have `tfevents` in their names.
const FILE: &str = "events.out.tfevents.basewise";

/// The event file of a run. It grows by each epoch, so that TensorBoard can follow it; a reader passes over a last record
/// that a killed run left unfinished.
pub(super) struct Events {
    path: PathBuf,
}

impl Events {
    /// Begins the file anew with the epochs so far, as if they had ended right before now.
    pub(super) fn begin(run: &Path, history: &[EpochRecord], timing: &[EpochTiming]) -> io::Result<Self> {
        let directory = run.join(DIRECTORY);
        fs_err::create_dir_all(&directory)?;
        let path = directory.join(FILE);
        let left: f64 = timing.iter().map(|epoch| epoch.seconds).sum();
        let mut time = now() - left;
        let mut bytes = record(&Event { time, ..Event::default() }.encoded());
        for (epoch, timing) in history.iter().zip(timing) {
            time += timing.seconds;
            bytes.extend(epoch_records(epoch, time));
        }
        crate::model::write_whole(&path, &bytes)?;
        Ok(Self { path })
    }

    /// Adds an epoch.
    pub(super) fn add(&self, epoch: &EpochRecord) -> io::Result<()> {
        let mut file = fs_err::OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(&epoch_records(epoch, now()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn epoch_records(epoch: &EpochRecord, time: f64) -> Vec<u8> {
    let mut scalars = vec![
        ("loss/train".to_owned(), epoch.train_loss),
        ("loss/valid".to_owned(), epoch.valid_loss),
        ("learning_rate".to_owned(), epoch.learning_rate),
    ];
    scalars.extend(epoch.valid_metric.map(|value| (format!("{}/valid", epoch.metric), value)));
    record(&Event { time, step: epoch.epoch as u64, scalars }.encoded())
}

/// An event: scalars of one step, or the first of a file if there are none.
#[derive(Default)]
struct Event {
    time: f64,
    step: u64,
    scalars: Vec<(String, f64)>,
}

impl Event {
    fn encoded(&self) -> Vec<u8> {
        let mut out = vec![tag(1, 1)];
        out.extend(self.time.to_le_bytes());
        if self.scalars.is_empty() {
            field(&mut out, 3, b"brain.Event:2");
            return out;
        }
        out.push(tag(2, 0));
        varint(&mut out, self.step);
        let mut summary = Vec::new();
        for (name, value) in &self.scalars {
            let mut scalar = Vec::new();
            field(&mut scalar, 1, name.as_bytes());
            scalar.push(tag(2, 5));
            scalar.extend((*value as f32).to_le_bytes());
            field(&mut summary, 1, &scalar);
        }
        field(&mut out, 5, &summary);
        out
    }
}

/// The key of a field: wire type 0 is a varint, 1 eight bytes, 2 bytes with their length, 5 four bytes.
fn tag(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(tag(number, 2));
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend_from_slice(data);
    out.extend(masked(crc32c(data)).to_le_bytes());
    out
}

/// TensorFlow's mask: checksums of data that hold checksums would be weak.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: an epoch has a few hundred bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize) -> EpochRecord {
        EpochRecord {
            epoch,
            train_loss: 0.5,
            valid_loss: 0.25,
            metric: "auroc".into(),
            valid_metric: (epoch == 1).then_some(1.0),
            best: true,
            learning_rate: 2.0,
        }
    }

    #[test]
    fn checksums_are_castagnoli_s() {
        // RFC 3720, B.4, and the usual check value.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn an_event_has_these_bytes() {
        let event = Event { time: 1.0, step: 300, scalars: vec![("a".into(), 0.5)] }.encoded();
        let expected: [u8; 24] = [
            0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // wall_time = 1.0
            0x10, 0xac, 0x02, // step = 300
            0x2a, 0x0a, 0x0a, 0x08, // summary { value {
            0x0a, 0x01, b'a', // tag = "a"
            0x15, 0, 0, 0, 0x3f, // simple_value = 0.5
        ];
        assert_eq!(event, expected);
        let record = record(&event);
        assert_eq!(record[..8], [24, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record[12..36], expected);
        assert_eq!(record[8..12], masked(crc32c(&record[..8])).to_le_bytes());
        assert_eq!(record[36..], masked(crc32c(&expected)).to_le_bytes());
    }

    /// The payloads of a file's records, checksums checked.
    fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let data = &bytes[12..12 + length];
            assert_eq!(bytes[12 + length..16 + length], masked(crc32c(data)).to_le_bytes());
            found.push(data.to_vec());
            bytes = &bytes[16 + length..];
        }
        found
    }

    #[test]
    fn a_file_begins_with_its_version_and_grows_by_epochs() {
        let run = tempfile::tempdir().unwrap();
        let timing = EpochTiming { epoch: 1, seconds: 2.0, validation_seconds: 1.0, examples_per_second: 3.0 };
        let events = Events::begin(run.path(), &[epoch(1)], &[timing]).unwrap();
        events.add(&epoch(2)).unwrap();
        let found = payloads(&fs_err::read(events.path()).unwrap());
        assert_eq!(found.len(), 3);
        let holds = |data: &[u8], text: &str| data.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(&found[0], "brain.Event:2"));
        for name in ["loss/train", "loss/valid", "learning_rate"] {
            assert!(holds(&found[1], name) && holds(&found[2], name), "{name}");
        }
        assert!(holds(&found[1], "auroc/valid") && !holds(&found[2], "auroc/valid"));
        let time = |data: &[u8]| f64::from_le_bytes(data[1..9].try_into().unwrap());
        assert!(time(&found[0]) < time(&found[1]) && time(&found[1]) <= time(&found[2]));
    }
}
