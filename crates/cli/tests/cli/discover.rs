//! Motif discovery from files to files: without a model, from arrays of attributions, and where patterns stand.

use crate::support::Folder;
use basewise_core::random::{below, normal, stream};
use basewise_io::arrays::{Array, read_npz, write_npz};

const LENGTH: usize = 80;

/// Arrays `[n, 4, LENGTH]` of sequences and contributions: noise, and TGACTCAGC in each of them if it is planted.
fn write_arrays(f: &Folder, n: usize, planted: bool) {
    let (mut one_hot, mut scores) = (vec![0.0_f32; n * 4 * LENGTH], vec![0.0_f32; n * 4 * LENGTH]);
    for i in 0..n {
        let mut rng = stream(1, "discovery of the command line", &[i as u64]);
        let start = below(&mut rng, LENGTH - 9);
        for at in 0..LENGTH {
            let motif = planted.then(|| at.checked_sub(start)).flatten().and_then(|k| b"TGACTCAGC".get(k));
            let base = motif.map_or_else(|| below(&mut rng, 4), |l| b"ACGT".iter().position(|b| b == l).unwrap());
            one_hot[(i * 4 + base) * LENGTH + at] = 1.0;
            for b in 0..4 {
                let effect = if motif.is_none() { 0.0 } else { f32::from(u8::from(b == base)) };
                scores[(i * 4 + b) * LENGTH + at] = effect + 0.05 * normal(&mut rng) as f32;
            }
        }
    }
    let shape = vec![n, 4, LENGTH];
    write_npz(&f.path("x.npz"), &[("arr_0", Array::f32(shape.clone(), one_hot))]).unwrap();
    write_npz(&f.path("s.npz"), &[("arr_0", Array::f32(shape, scores))]).unwrap();
}

#[test]
fn a_planted_motif_is_found_without_a_model_and_named() {
    let f = Folder::new();
    let line = "dataset simulate --plant MA0139.2 --count 600 --length 60 --test 0.3 --valid 0.1 -o d";
    f.run(line).ok();
    let ran = f.run("motifs discover --sequences d --database jaspar -o found").ok();
    assert!(ran.stdout.contains("MA0139.2 CTCF"), "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    for name in ["motifs.meme", "patterns.tsv", "seqlets.tsv", "discovery.json", "logos/motif_1.svg"] {
        assert!(f.path("found").join(name).is_file(), "{name}");
    }
    f.run("motifs match found/motifs.meme").ok();
    f.run("motifs discover --sequences d -o found --no-logos").ok();
    assert!(!f.path("found/logos").exists());
    f.run("motifs hits found x.npz").fails_saying(&["patterns with contributions", "hint:"]);
}

#[test]
fn patterns_and_their_hits_come_from_arrays_of_another_program() {
    let f = Folder::new();
    write_arrays(&f, 150, true);
    let arrays = "--attributions s.npz --one-hot x.npz";
    let ran = f.run(&format!("motifs discover {arrays} -o found")).ok();
    assert!(ran.stdout.contains("pos_patterns.pattern_0") && ran.stdout.lines().count() == 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("no negative pattern: "), "{}", ran.stderr);
    for name in ["motifs.meme", "modisco_results.h5", "logos/pos_patterns.pattern_0.cwm.svg"] {
        assert!(f.path("found").join(name).is_file(), "{name}");
    }
    f.run(&format!("motifs hits found {arrays} -o hits.tsv")).ok();
    let hits = std::fs::read_to_string(f.path("hits.tsv")).unwrap();
    // One in ten lies below one of the two thresholds, and at the ends a pattern has no room.
    assert!((110..=151).contains(&hits.lines().count()), "{}", hits.lines().count());
    f.run(&format!("motifs hits found {arrays} -o hits.bed")).fails_saying(&["places on chromosomes", "hits.tsv"]);
}

#[test]
fn noise_says_at_which_step_it_came_to_nothing() {
    let f = Folder::new();
    write_arrays(&f, 60, false);
    let ran = f.run("motifs discover --attributions s.npz --one-hot x.npz -o found");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("no positive pattern: no window differs") && ran.stderr.contains("hint:"),
        "{}",
        ran.stderr
    );
    assert!(f.path("found/discovery.json").is_file() && !f.path("found/motifs.meme").exists());
}

#[test]
fn arrays_that_are_no_attributions_are_refused() {
    let f = Folder::new();
    write_arrays(&f, 4, true);
    let mut arrays = read_npz(&f.path("s.npz")).unwrap();
    let scores = arrays.remove("arr_0").unwrap();
    let turned = Array { shape: vec![4, LENGTH, 4], ..scores.clone() };
    write_npz(&f.path("turned.npz"), &[("arr_0", turned)]).unwrap();
    let few = Array::f32(vec![1, 4, LENGTH], scores.as_f32().unwrap()[..4 * LENGTH].to_vec());
    write_npz(&f.path("few.npz"), &[("arr_0", few)]).unwrap();
    std::fs::create_dir(f.path("notes")).unwrap();
    f.write("one.fa", ">a\nACGTACGTACGT\n").write("notes/mine.txt", "mine");
    for (line, parts) in [
        ("motifs discover --attributions turned.npz --one-hot x.npz -o d", &["[N, 4, L]", "swapaxes"][..]),
        ("motifs discover --attributions few.npz --one-hot x.npz -o d", &["4 sequences", "found 1"]),
        ("motifs discover --attributions s.npz --one-hot s.npz -o d", &["sequence 1", "one-hot"]),
        ("motifs discover x.npz -o d", &["\"attributions\"", "arr_0", "--one-hot"]),
        ("motifs discover --attributions s.npz -o d", &["--one-hot"]),
        ("motifs discover --sequences one.fa -o d", &["sequences of both kinds", "hint:"]),
        ("motifs discover --sequences nowhere.fa -o d", &["nowhere.fa"]),
        ("motifs discover --attributions s.npz --one-hot x.npz -o notes", &["other files"]),
        ("motifs discover --attributions s.npz --one-hot x.npz --fdr 2 -o d", &["--fdr"]),
        ("motifs discover -o d", &["<EXPLAINED>"]),
    ] {
        f.run(line).fails_saying(parts);
        assert!(!f.path("d").exists(), "{line} left an output");
    }
}
