//! Files: round trips, and files that mean harm.

use super::*;
use crate::testing::{DNA, SMALL, cpu, net, random_batch, three_tasks};
use basewise_core::{Alphabet, CasePolicy};
use std::path::Path;
use tempfile::tempdir;

fn model() -> Model {
    Model::untrained(&net(SMALL), &three_tasks(), DNA, 20, 3, &cpu()).unwrap()
}

#[test]
fn a_model_survives_its_file_bit_for_bit() {
    let directory = tempdir().unwrap();
    let (a, b) = (directory.path().join("a.safetensors"), directory.path().join("b.safetensors"));
    let model = model();
    model.save(&a).unwrap();
    let loaded = Model::load(&a).unwrap();
    loaded.save(&b).unwrap();
    assert_eq!(fs_err::read(&a).unwrap(), fs_err::read(&b).unwrap());
    assert_eq!(loaded.digest(), model.digest());
    assert_eq!((loaded.tasks(), loaded.encoding(), loaded.length()), (model.tasks(), DNA, 20));
    assert_eq!(loaded.architecture(), model.architecture());
    assert_eq!(loaded.output_names(), ["b", "c:a", "c:b", "c:c", "r"]);
    let batch = random_batch(9, 20, 1);
    assert_eq!(model.predict(&batch).unwrap(), loaded.predict(&batch).unwrap());
    assert_eq!(fs_err::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn any_number_of_sequences_is_predicted_row_by_row() {
    let model = model();
    let all = random_batch(600, 20, 2);
    let scores = model.predict(&all).unwrap();
    assert_eq!((scores.rows(), scores.columns()), (600, 5));
    for i in [0, 255, 256, 599] {
        let mut one = SequenceBatch::new(DNA, 20);
        one.push_codes(all.sequence(i));
        let alone = model.predict(&one).unwrap();
        for (a, b) in alone.row(0).iter().zip(scores.row(i)) {
            assert!((a - b).abs() < 1e-5, "row {i}: {a} against {b}");
        }
    }
    assert_eq!(model.predict(&SequenceBatch::new(DNA, 20)).unwrap().rows(), 0);
}

#[test]
fn sequences_of_another_form_are_refused() {
    let model = model();
    assert!(model.predict(&random_batch(1, 19, 2)).unwrap_err().to_string().contains("20 positions"));
    let marked = Encoding { alphabet: Alphabet::Dna, case: CasePolicy::Channel };
    assert!(model.predict(&SequenceBatch::new(marked, 20)).unwrap_err().to_string().contains("4 channels"));
}

fn load(bytes: &[u8], directory: &Path) -> Result<Model, String> {
    let path = directory.join("hostile.safetensors");
    fs_err::write(&path, bytes).unwrap();
    Model::load(&path).map_err(|error| error.to_string())
}

#[test]
fn a_truncated_file_is_an_error_at_every_length() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("m.safetensors");
    model().save(&path).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    for end in 0..bytes.len() {
        assert!(load(&bytes[..end], directory.path()).is_err(), "{end} of {} bytes", bytes.len());
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert!(load(&longer, directory.path()).is_err());
    assert!(load(&bytes, directory.path()).is_ok());
}

/// The file with its header's text changed.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let directory = tempdir().unwrap();
    let path = directory.path().join("m.safetensors");
    model().save(&path).unwrap();
    let bytes = fs_err::read(&path).unwrap();
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + n].to_vec()).unwrap();
    assert!(header.contains(from), "{from} is not in {header}");
    let header = header.replacen(from, to, 1);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + n..]].concat()
}

#[test]
fn hostile_headers_are_errors() {
    let directory = tempdir().unwrap();
    let fail = |from: &str, to: &str| load(&edited(from, to), directory.path()).unwrap_err();
    assert!(fail("\"head.bias\"", "\"head.bios\"").contains("head.bios"));
    assert!(fail("\"shape\":[8]", "\"shape\":[4,2]").contains("expected F32 [8], found F32 [4, 2]"));
    assert!(fail("\"shape\":[8]", "\"shape\":[9223372036854775807,8]").contains("expected a safetensors file"));
    assert!(fail("\"dtype\":\"F32\",\"shape\":[8]", "\"dtype\":\"I32\",\"shape\":[8]").contains("I32"));
    assert!(fail("\"data_offsets\":[0,", "\"data_offsets\":[4,").contains("expected a safetensors file"));
    assert!(fail("basewise", "otherwise").contains("no entry \"basewise\""));
    assert!(fail("\\\"format_version\\\":1", "\\\"format_version\\\":2").contains("newer basewise"));
    assert!(fail("\\\"filters\\\":8", "\\\"filters\\\":9").contains("expected F32 [9, 4, 9]"));
    assert!(fail("\\\"filters\\\":8", "\\\"filters\\\":0").contains("expected 1 or more"));
    assert!(fail("\\\"width\\\":9", "\\\"width\\\":18446744073709551615").contains("layer 1"));
    assert!(fail("\\\"length\\\":20", "\\\"length\\\":9223372036854775807").contains("input"));
    assert!(fail("\\\"length\\\":20", "\\\"length\\\":0").contains("input"));
    assert!(fail("conv1d", "conv9d").contains("could not be understood"));
    let deep = "[".repeat(200_000);
    assert!(fail("\\\"length\\\":20", &format!("\\\"length\\\":{deep}")).contains("could not be understood"));
    let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert!(load(&huge, directory.path()).is_err());
    let nested = [&200_000u64.to_le_bytes()[..], deep.as_bytes()].concat();
    assert!(load(&nested, directory.path()).is_err());
    assert!(load(b"", directory.path()).is_err());
    assert!(Model::load(&directory.path().join("absent")).unwrap_err().to_string().contains("absent"));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("m.safetensors");
    model().save(&path).unwrap();
    let mut bytes = fs_err::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(load(&bytes, directory.path()).unwrap_err().contains("not finite"));
}
