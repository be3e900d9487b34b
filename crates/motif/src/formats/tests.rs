use super::*;
use basewise_core::Alphabet;
use proptest::prelude::*;

const MEME: &str = "\
MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies (from uniform background):
A 0.30000 C 0.20000 G 0.20000 T 0.30000

MOTIF MA0004.1 Arnt
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
 0.200000  0.800000  0.000000  0.000000
 0.950000  0.000000  0.050000  0.000000
URL http://jaspar.genereg.net/matrix/MA0004.1

MOTIF second
letter-probability matrix: alength=4 w=1
0.25 0.25 0.25 0.25
";

fn parse(text: &str) -> Result<Vec<Motif>, String> {
    read(text.as_bytes(), "x.txt").map_err(|error| error.to_string())
}

fn one(text: &str) -> Motif {
    let mut motifs = parse(text).unwrap();
    assert_eq!(motifs.len(), 1);
    motifs.remove(0)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err()
}

#[test]
fn minimal_meme() {
    let motifs = parse(MEME).unwrap();
    assert_eq!(motifs.len(), 2);
    assert_eq!((motifs[0].id.as_str(), motifs[0].name.as_str(), motifs[0].sites), ("MA0004.1", "Arnt", 20.0));
    assert_eq!(motifs[0].probabilities, [[0.2, 0.8, 0.0, 0.0], [0.95, 0.0, 0.05, 0.0]]);
    assert_eq!(motifs[0].background, [0.3, 0.2, 0.2, 0.3]);
    assert_eq!((motifs[1].label(), motifs[1].sites, motifs[1].len()), ("second", 0.0, 1));
}

#[test]
fn byte_order_marks_and_windows_line_ends_change_nothing() {
    let windows = format!("\u{feff}{}", MEME.replace('\n', "\r\n"));
    assert_eq!(parse(&windows), parse(MEME));
}

#[test]
fn full_text_meme_of_version_5_and_4() {
    let text = "\
********************************************************************************
MEME - Motif discovery tool
********************************************************************************
MEME version 5.5.5 (Release date: Thu Sep 7 15:24:37 2023 -0700)
ALPHABET \"RNA\" RNA-LIKE
A \"Adenine\" CC0000
C \"Cytosine\" 0000CC
END ALPHABET
Background letter frequencies (from file dataset with add-one prior applied):
A 0.2
C 0.3
G 0.3
U 0.2
********************************************************************************
MOTIF UGUA MEME-1\twidth =  1  sites =  18  llr = 253  E-value = 1.3e-011
********************************************************************************
\tMotif UGUA MEME-1 position-specific scoring matrix
log-odds matrix: alength= 4 w= 1 n= 900 bayes= 5.6 E= 1.3e-011
  -100   -20    3   99
\tMotif UGUA MEME-1 position-specific probability matrix
letter-probability matrix: alength= 4 w= 1 nsites= 18 E= 1.3e-011
 0.000000  0.000000  0.000000  1.000000
--------------------------------------------------------------------------------
";
    let motif = one(text);
    assert_eq!((motif.id.as_str(), motif.name.as_str(), motif.sites), ("UGUA", "MEME-1", 18.0));
    assert_eq!((motif.alphabet, motif.consensus().as_str()), (Alphabet::Rna, "U"));
    assert_eq!(motif.background, [0.2, 0.3, 0.3, 0.2]);
}

#[test]
fn jaspar_with_brackets_raw_and_without_header() {
    let bracketed = one(">MA0001.1\tAGL3 x\nA [ 0 3 ]\nC [94 75 ]\nG [ 1 0 ]\nT  [ 2  19]\n");
    assert_eq!((bracketed.id.as_str(), bracketed.name.as_str(), bracketed.sites), ("MA0001.1", "AGL3 x", 97.0));
    let raw = one(">MA0001.1 AGL3 x\n0 3\n94\t75\n1 0\n2 19\n");
    assert_eq!(bracketed, raw);
    let bare = read("0 3\n94 75\n1 0\n2 19".as_bytes(), "/data/MA0001.1.pfm").unwrap();
    assert_eq!((bare[0].id.as_str(), &bare[0].counts), ("MA0001", &raw.counts));
    let swapped = one(">m\nT 2 19\nG 1 0\nC 94 75\nA 0 3\n");
    assert_eq!(swapped.counts, raw.counts);
    let rna = one(">m\nA 1 2\nC 1 2\nG 1 2\nU 1 2\n");
    assert_eq!(rna.alphabet, Alphabet::Rna);
    let probabilities = one(">m\nA [0.7]\nC [0.1]\nG [0.1]\nT [0.1]\n");
    assert_eq!((probabilities.sites, probabilities.counts), (0.0, None));
}

#[test]
fn several_jaspar_records_with_blank_lines() {
    let record = "A [1]\nC [1]\nG [1]\nT [1]\n";
    let motifs = parse(&format!("\n>a\n{record}\n\n>b B\n{record}")).unwrap();
    assert_eq!(motifs.iter().map(Motif::label).collect::<Vec<_>>(), ["a", "B"]);
}

#[test]
fn homer() {
    let motif =
        one(">ACG\tName(bZIP)\t6.05\t-1779.7\t0\n0.97 0.01 0.01 0.01\n0.01 0.97 0.01 0.01\n0.01 0.01 0.97 0.01\n");
    assert_eq!((motif.id.as_str(), motif.name.as_str(), motif.len()), ("Name(bZIP)", "ACG", 3));
    assert_eq!(motif.consensus(), "ACG");
}

#[test]
fn transfac() {
    let text = "AC  M00001\nXX\nID  V$MYOD_01\nXX\nNA  MyoD\nXX\nP0      A      C      G      T\n\
                01      1      2      2      0      S\n02      2      1      2      0      R\nXX\n//\n\
                AC  MA2\nXX\nID  Arnt\nPO A C G U\n1 0.25 0.25 0.25 0.25\n//\n";
    let motifs = parse(text).unwrap();
    assert_eq!((motifs[0].id.as_str(), motifs[0].name.as_str(), motifs[0].sites), ("M00001", "MyoD", 5.0));
    assert_eq!(motifs[0].counts.as_deref(), Some(&[[1.0, 2.0, 2.0, 0.0], [2.0, 1.0, 2.0, 0.0]][..]));
    assert_eq!((motifs[1].id.as_str(), motifs[1].name.as_str()), ("MA2", "Arnt"));
    assert_eq!((motifs[1].alphabet, motifs[1].sites), (Alphabet::Rna, 0.0));
}

#[test]
fn errors_name_place_and_cure() {
    let starts = [
        ("", "x.txt, line 1: expected at least one motif, found an empty file"),
        ("\n \n", "x.txt, line 2: expected at least one motif, found an empty file"),
        ("hello", "x.txt, line 1: expected a MEME, JASPAR, TRANSFAC or HOMER motif file, found \"hello\"; "),
        ("\u{1f}\u{8b}", "x.txt, line 1: expected a MEME, JASPAR, TRANSFAC or HOMER motif file, found "),
        ("MEME version 4\n", "x.txt, line 1: expected at least one motif, found the end of the file"),
        ("MEME version 4\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n", "x.txt, line 2: expected the alphabet ACGT or ACGU"),
        (
            "MEME version 4\nMOTIF a\nMOTIF b\n",
            "x.txt, line 3: expected a letter-probability matrix for motif a of line 2",
        ),
        ("MEME version 4\nletter-probability matrix: w= 1\n", "x.txt, line 2: expected a MOTIF line"),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: alength= 20 w= 1\n",
            "x.txt, line 3: expected alength= 4",
        ),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\nURL x\n",
            "x.txt, line 5: expected 2 rows",
        ),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n1 0 0 0\n1 0 0 0\n",
            "x.txt, line 5: expected 1 rows",
        ),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 2\n1 0 0 0\n", "x.txt, line 4: expected 2 rows"),
        ("MEME version 4\nMOTIF a\nletter-probability matrix: w= 0\n", "x.txt, line 3: expected a width of at least 1"),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n9 2 0 0\n",
            "x.txt, line 4: expected probabilities that sum to 1, found a sum of 11; a matrix of counts",
        ),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0.5 x 0 0\n",
            "x.txt, line 4: expected a probability between 0 and 1, found \"x\"",
        ),
        (
            "MEME version 4\nMOTIF a\nletter-probability matrix: w= 1\n0.5 0.5 0\n",
            "x.txt, line 4: expected four probabilities",
        ),
        (
            "MEME version 4\nBackground letter frequencies\nA 0.5 C 0.5 G 0.5 T 0.5\n",
            "x.txt, line 3: expected background frequencies",
        ),
        (
            ">a\nA [ 1 2 ]\nC [ 1 2 ]\n",
            "x.txt, line 3: expected four rows (A, C, G and T) for motif a of line 1, found 2 rows",
        ),
        (
            ">a\nA [ 1 2 ]\nC [ 1 2 ]\nG [ 1 ]\nT [ 1 2 ]\n",
            "x.txt, line 5: expected four rows of 2 counts, one a base, for motif a of line 1, found 1 counts in row 3 (G)",
        ),
        (">a\nA [ 1 ]\nA [ 1 ]\nG [ 1 ]\nT [ 1 ]\n", "x.txt, line 5: expected four rows of 1 counts, one a base"),
        (">a\nA [ 0 ]\nC [ 0 ]\nG [ 0 ]\nT [ 0 ]\n", "x.txt, line 5: expected a count above 0 at position 1"),
        (">a\nA [ -1 ]\n", "x.txt, line 2: expected a count, found \"-1\""),
        (">a\nA [ inf ]\n", "x.txt, line 2: expected a count, found \"inf\""),
        ("AC x\nP0 A C T G\n", "x.txt, line 2: expected the columns A C G T (or U) after P0"),
        ("AC x\nP0 A C G T\n01 1 2 3\n", "x.txt, line 3: expected a position and four counts"),
        ("AC x\nP0 A C G T\nXX\n", "x.txt, line 2: expected rows of counts after P0, found none"),
    ];
    for (text, start) in starts {
        let message = error(text);
        assert!(message.starts_with(start), "{text:?} gives {message}");
    }
    assert!(error("\u{1f}\u{8b}").ends_with("decompress it first or name it .gz"));
}

#[test]
fn a_line_without_end_is_refused_and_not_swallowed() {
    let input = std::io::BufReader::new(std::io::repeat(b'>'));
    let message = read(input, "endless").unwrap_err().to_string();
    assert_eq!(message, "endless, line 1: expected a line of text, found more than 1 MiB without a line end");
}

fn written(motifs: &[Motif], format: Format) -> String {
    let mut out = Vec::new();
    write(motifs, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn written_files_look_as_their_formats_ask() {
    let mut motif = Motif::from_counts("a 1", "b", Alphabet::Rna, vec![[1.0, 0.0, 1.0, 2.5], [10.0, 0.0, 0.0, 0.0]]);
    motif.background = [0.3, 0.2, 0.2, 0.3];
    let motifs = [motif];
    assert_eq!(
        written(&motifs, Format::Jaspar),
        ">a_1\tb\nA  [   1  10 ]\nC  [   0   0 ]\nG  [   1   0 ]\nU  [ 2.5   0 ]\n"
    );
    let meme = written(&motifs, Format::Meme);
    let header =
        "MEME version 4\n\nALPHABET= ACGU\n\nBackground letter frequencies\nA 0.30000 C 0.20000 G 0.20000 U 0.30000\n";
    assert!(meme.starts_with(header), "{meme}");
    assert!(
        meme.contains("\nMOTIF a_1 b\nletter-probability matrix: alength= 4 w= 2 nsites= 10 E= 0\n 0.222222  0.000000")
    );
    let transfac = written(&motifs, Format::Transfac);
    assert!(
        transfac.starts_with("AC  a_1\nXX\nID  b\nXX\nP0           A         C         G         U\n01           1")
    );
    assert_eq!(written(&[], Format::Jaspar), "");
}

#[test]
fn wide_counts_stay_apart() {
    let motif = Motif::from_counts("a", "b", Alphabet::Dna, vec![[1234567.8125, 7654321.0625, 1e9, 0.0]]);
    for format in [Format::Jaspar, Format::Transfac] {
        assert_eq!(one(&written(std::slice::from_ref(&motif), format)).counts, motif.counts);
    }
}

#[test]
fn two_alphabets_do_not_share_a_file() {
    let of = |id, alphabet| Motif::from_probabilities(id, "", alphabet, vec![[0.25; 4]], 1.0);
    let result = write(&[of("a", Alphabet::Dna), of("b", Alphabet::Rna)], Format::Meme, &mut Vec::new());
    assert!(result.unwrap_err().to_string().contains("(b differs"));
}

fn motif_strategy() -> impl Strategy<Value = Motif> {
    let rows = prop::collection::vec(prop::array::uniform4(0_u32..500), 1..12);
    ("[A-Za-z0-9_.:-]{1,12}", "[A-Za-z][A-Za-z0-9]{0,7}", any::<bool>(), rows).prop_map(|(id, name, is_rna, rows)| {
        let alphabet = if is_rna { Alphabet::Rna } else { Alphabet::Dna };
        // A first count of at least 2 keeps rows away from zero, and from sums of 1, which mean probabilities.
        let counts = rows.iter().map(|row| [row[0] + 2, row[1], row[2], row[3]].map(f64::from)).collect();
        Motif::from_counts(&id, &name, alphabet, counts)
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(motif in motif_strategy()) {
        for format in Format::ALL {
            let text = written(std::slice::from_ref(&motif), format);
            let back = one(&text);
            prop_assert_eq!((&back.id, back.alphabet), (&motif.id, motif.alphabet));
            prop_assert!(back.name == motif.name || (motif.name == motif.id && back.name.is_empty()));
            prop_assert_eq!(back.sites, motif.sites);
            if format == Format::Meme {
                let pairs = back.probabilities.iter().flatten().zip(motif.probabilities.iter().flatten());
                prop_assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 3e-6));
            } else {
                prop_assert_eq!(&back.counts, &motif.counts);
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(bytes.as_slice(), "random");
        for start in ["MEME version 4\n", ">a\n", "AC x\nP0 A C G T\n", "MEME version 4\nMOTIF a\nletter-probability matrix: "] {
            let _ = read([start.as_bytes(), &bytes].concat().as_slice(), "random");
        }
    }

    #[test]
    fn files_cut_or_changed_anywhere_never_panic(cut in 0..MEME.len(), at in 0..MEME.len(), byte in any::<u8>()) {
        let mut bytes = MEME.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = read(&bytes[..cut], "cut");
        let _ = read(bytes.as_slice(), "changed");
    }
}
