//! Files that PyTorch wrote (tests/golden/torch_import/make.py), and files that mean harm.

use super::*;
use crate::zip;

macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/golden/torch_import/", $name))
    };
}

const CONV: &[u8] = golden!("conv.pt");

fn array<'a>(dict: &'a StateDict, name: &str) -> &'a NamedArray {
    dict.arrays.iter().find(|array| array.name == name).unwrap()
}

#[test]
fn a_state_dict_has_the_arrays_of_its_twin_in_safetensors() {
    let torch = parse(CONV).unwrap();
    let mut twin = parse(golden!("conv.safetensors")).unwrap();
    assert!(torch.in_order && !twin.in_order);
    let names: Vec<&str> = torch.arrays.iter().map(|array| array.name.as_str()).collect();
    let conv = ["conv.weight", "conv.bias"];
    let norm = ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"];
    assert_eq!(names, [&conv[..], &norm, &["dense.weight", "dense.bias", "out.weight", "out.bias"]].concat());
    assert_eq!(torch.integers, ["norm.num_batches_tracked"]);
    assert_eq!(array(&torch, "conv.weight").shape, [6, 4, 5]);
    twin.arrays.sort_by_key(|array| names.iter().position(|name| *name == array.name));
    assert_eq!(torch.arrays, twin.arrays);
}

#[test]
fn checkpoints_deflated_archives_views_and_other_types_are_read() {
    let plain = parse(CONV).unwrap();
    let checkpoint = parse(golden!("checkpoint.pt")).unwrap();
    assert_eq!(checkpoint.arrays, plain.arrays);
    assert!(checkpoint.notes[0].contains("\"model_state_dict\""), "{:?}", checkpoint.notes);
    assert_eq!(parse(golden!("deflated.pt")).unwrap().arrays, plain.arrays);

    let types = parse(golden!("types.pt")).unwrap();
    let numbers: Vec<f32> = (0..6u8).map(|i| f32::from(i) - 2.5).collect();
    for name in ["half", "bfloat", "double", "float"] {
        assert_eq!((array(&types, name).shape.as_slice(), &array(&types, name).values), (&[2, 3][..], &numbers));
    }
    let turned: Vec<f32> = [0, 3, 1, 4, 2, 5].map(|i| numbers[i]).to_vec();
    assert_eq!((array(&types, "turned").shape.as_slice(), &array(&types, "turned").values), (&[3, 2][..], &turned));
    assert_eq!(array(&types, "column").values, [numbers[1], numbers[4]]);
    assert_eq!((array(&types, "scalar").shape.len(), array(&types, "scalar").values[0]), (0, 7.0));
    assert_eq!(types.integers, ["whole", "truth"]);
    assert!(types.notes.iter().any(|note| note.contains("float16")), "{:?}", types.notes);
}

#[test]
fn what_is_no_state_dict_is_refused_by_name() {
    let refused = |bytes: &[u8]| parse(bytes).unwrap_err();
    let module = refused(golden!("module.pt"));
    assert!(module.message.contains("torch.nn.modules.linear.Linear"), "{module:?}");
    assert!(module.message.contains("no code of a file is run") && module.hint.contains("state_dict()"), "{module:?}");
    let legacy = refused(golden!("legacy.pt"));
    assert!(legacy.message.contains("older form") && legacy.hint.contains("torch.load"), "{legacy:?}");
    assert!(refused(b"").message.contains("empty"));
    assert!(refused(b"\x89HDF\r\n\x1a\n....").message.contains("HDF5"));
    assert!(refused(b"GIF89a..........").message.contains("other data"));
    // A pickle that runs a command when Python loads it.
    let program = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.";
    let evil = pickle::read(program).unwrap_err();
    assert!(evil.message.contains("posix.system"), "{evil:?}");
}

#[test]
fn a_truncated_file_is_an_error_at_every_length() {
    for whole in [CONV, golden!("conv.safetensors")] {
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
        }
        assert!(parse(whole).is_ok());
    }
}

#[test]
fn flipped_bits_are_errors_or_harmless() {
    let whole = parse(CONV).unwrap();
    let mut same = 0;
    for at in 0..CONV.len() {
        let mut bytes = CONV.to_vec();
        bytes[at] ^= 1 << (at % 8);
        // Padding and unread fields may change; a weight never does, because every member has a checksum.
        if let Ok(read) = parse(&bytes) {
            assert_eq!(read.arrays, whole.arrays, "bit of byte {at}");
            same += 1;
        }
    }
    assert!(same < CONV.len() / 2, "{same} of {} flips passed", CONV.len());
}

/// An archive like `whole` with another pickle in it, and with the right checksums.
fn with_pickle(whole: &[u8], program: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = zip::Writer::new(&mut bytes);
    for member in zip::members(whole).unwrap() {
        let content = zip::content(whole, &member).unwrap();
        let content = if member.name.ends_with("data.pkl") { program } else { &*content };
        archive.member(&member.name, content).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

#[test]
fn flipped_bits_of_a_pickle_never_panic() {
    let types: &[u8] = golden!("types.pt");
    let member = zip::members(types).unwrap().into_iter().find(|member| member.name.ends_with("data.pkl")).unwrap();
    let program = zip::content(types, &member).unwrap().into_owned();
    assert_eq!(parse(&with_pickle(types, &program)), parse(types));
    let mut errors = 0;
    for at in 0..8 * program.len() {
        let mut flipped = program.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        errors += usize::from(parse(&with_pickle(types, &flipped)).is_err());
    }
    assert!(errors > program.len(), "{errors} errors of {} flips", 8 * program.len());
    for end in 0..program.len() {
        assert!(parse(&with_pickle(types, &program[..end])).is_err(), "{end} of {} bytes", program.len());
    }
}

#[test]
fn a_small_file_does_not_fill_the_memory() {
    // One storage of 6 numbers that many arrays are views of: the first are let through, 1000 are not.
    let types: &[u8] = golden!("types.pt");
    let mut program = b"\x80\x02}(".to_vec();
    for i in 0..1000u32 {
        program.extend(b"X\x04\0\0\0");
        program.extend(format!("{i:04}").bytes());
        program.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x003X\x03\0\0\0cpuK\x06tQK\x00K\x06\x85K\x01\x85\x89)tR");
    }
    program.extend(b"u.");
    let wrong = parse(&with_pickle(types, &program)).unwrap_err();
    assert!(wrong.message.contains("about as large as the file"), "{wrong:?}");
}

#[test]
fn hostile_pickles_are_errors() {
    let run = |program: &[u8]| pickle::read(program).map(|made| made.root);
    for program in [
        &b""[..],
        b".",
        b"\x80\x02.",
        b"\x80\x02(.",
        b"t.",
        b"R.",
        b"}}R.",
        b"NQ.",
        b"Nb.",
        b"N(0.",
        b"Na.",
        b"}(Nu.",
        b"h\x00.",
        b"j\xff\xff\xff\xff.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"X\xff\xff\xff\xffabc.",
        b"X\x02\x00\x00\x00\xff\xfe.",
        b"\x8a\xffabc.",
        b"\x8a\x09123456789.",
        b"ctorch\n",
        b"ctorch\nload\n.",
        b"\x8c\x05torch\x8c\x04load\x93.",
        b"NN\x93.",
        b"ccollections\nOrderedDict\n(]tR.",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00)))tR.",
        b"ctorch._utils\n_rebuild_parameter\n(N\x89}tR.",
        b"i os\nsystem\n.",
    ] {
        assert!(run(program).is_err(), "{program:?}");
    }
    assert_eq!(run(b"N."), Ok(0));
    // A list that holds itself is a value like any other.
    assert_eq!(run(b"]q\x00h\x00a."), Ok(0));
    assert!(run(&[b'N'; 5 << 20]).unwrap_err().message.contains("at most"));
    let deep = [&vec![b'('; 1 << 20][..], &vec![b't'; 1 << 20], b"."].concat();
    assert_eq!(run(&deep), Ok((1 << 20) - 1));
}
