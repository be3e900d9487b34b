//! Signal from tracks to predictions.

use crate::support::Folder;
use basewise_io::bigwig::BigWig;

const MODEL: &str =
    "[head]\nprofile_width = 5\n\n[[layer]]\ntype = 'conv1d'\nfilters = 4\nwidth = 5\n\n[[layer]]\ntype = 'relu'\n";

/// Two chromosomes of 3,000 pseudo-random bases, 40 places, and reads of either strand around each.
fn folder() -> Folder {
    let folder = Folder::new();
    let mut state = 99u32;
    let mut below = move |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % n
    };
    let (mut genome, mut bed) = (String::new(), String::new());
    let mut tracks = [String::new(), String::new()];
    for chrom in ["chr1", "chr2"] {
        let letters: String = (0..3000).map(|_| ['A', 'C', 'G', 'T'][below(4) as usize]).collect();
        genome += &format!(">{chrom}\n{letters}\n");
        for place in 0..20 {
            let centre = 100 + 140 * place + below(20);
            let strand = ["+", "-"][below(2) as usize];
            bed += &format!("{chrom}\t{}\t{}\tp\t0\t{strand}\n", centre - 1, centre + 1);
            for (track, shift) in tracks.iter_mut().zip([0, 6]) {
                for base in centre - 5 + shift..centre + 5 + shift {
                    *track += &format!("{chrom}\t{base}\t{}\t{}\n", base + 1, 1 + below(5));
                }
            }
        }
    }
    folder.write("g.fa", genome).write("p.bed", bed).write("m.toml", MODEL);
    folder.write("plus.bedGraph", &tracks[0]).write("minus.bedGraph", &tracks[1]);
    folder
}

#[test]
fn tracks_become_a_model_and_the_model_bigwig() {
    let f = folder();
    let made = f.run("dataset signal p.bed -g g.fa --strand-tracks plus.bedGraph,minus.bedGraph -w 80 --output-window 40 --bin 2 --jitter 4 --valid 0.2 --test 0.2 -o d").ok();
    assert!(made.stderr.contains("% of the bases have no value and are read as 0"), "{}", made.stderr);
    let shown = f.run("dataset show d").ok().stdout;
    assert!(shown.contains("profile of plus, minus: 20 bins of 2 each"), "{shown}");
    assert!([0, 1].contains(&f.run("dataset check d").code.unwrap()));
    f.run("train d -m m.toml --epochs 2 -o r").ok();
    let evaluated = f.run("evaluate r --bootstrap 20").ok().stdout;
    for word in ["profile_pearson", "profile_jensen_shannon", "count_spearman", "average profile", "k-mer linear"] {
        assert!(evaluated.contains(word), "no {word} in {evaluated}");
    }
    f.run("explain r --method input-x-gradient --limit 3").ok();
    f.run("report r -o report.html").ok();
    let table = f.run("predict r p.bed -g g.fa -o -").ok().stdout;
    assert!(
        table.lines().next().unwrap().ends_with("prediction:signal:plus:log_total\tprediction:signal:minus:log_total")
    );
    f.run("predict r p.bed -g g.fa -o x.bw").ok();
    let total = |line: &str, column: usize| -> f64 {
        let total: f64 = line.split('\t').nth(column).unwrap().parse().unwrap();
        total.exp_m1().max(0.0)
    };
    for (track, columns) in [("plus", [5, 6]), ("minus", [6, 5])] {
        let file = BigWig::open(&f.path(&format!("x.{track}.bw"))).unwrap();
        assert_eq!(file.contigs(), [("chr1".to_owned(), 3000), ("chr2".to_owned(), 3000)]);
        // Windows of 80 around the places; the 40 in their middle do not overlap.
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let start: u64 = fields[2].parse().unwrap();
            // Read from the reverse strand, the tracks have changed places.
            let expected = total(line, columns[usize::from(fields[4] == "-")]);
            let found: f32 = file.values(fields[1], start + 20, start + 60).unwrap().iter().sum();
            assert!((f64::from(found) - expected).abs() < 1e-3 * expected.max(1.0), "{line}");
        }
    }
    f.run("predict r d -g g.fa -o y.bw").ok();
    f.run("predict r d -o y.bw").fails_saying(&["lengths of the contigs", "--genome"]);
    f.run("predict r g.fa -g g.fa -o z.bw").fails_saying(&["g.fa"]);
}

#[test]
fn what_does_not_fit_signal_is_told() {
    let f = folder();
    let common = "dataset signal p.bed -g g.fa -w 80 --output-window 40 --negatives none -o d";
    f.run(common).fails_saying(&["at least one track", "--track NAME=FILE.bw"]);
    f.run(&format!("{common} --track plus.bedGraph --jitter 3 --bin 2")).fails_saying(&["multiple of the bins of 2"]);
    f.run(&format!("{common} --track g.fa")).fails_saying(&["g.fa", "line 1", "bigWig, bedGraph"]);
    f.run(&format!("{common} --track plus.bedGraph --valid 0.2 --test 0")).ok();
    // Layers that lose positions, such as the default's.
    f.run("train d -o r").fails_saying(&["head profile, 40 bins of 1", "the preset bpnet"]);
}
