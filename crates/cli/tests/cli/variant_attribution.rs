//! `variants --attribution` beside what the library says of both sequences, spelled out letter by letter.

use crate::support::{Folder, POOLED, Ran, small_table};
use basewise_core::{Edit, Predict, SequenceBatch};
use basewise_nn::Model;
use basewise_nn::attribute::{References, centre_bases, deeplift, keep_bases, saliency};
use std::collections::BTreeMap;

/// The contig of all tests; a run of unknown bases stands in the second half.
const CONTIG: &str = "ACGGATTACATGACTCATGCCATTAGCTTGACTCATAGGCTAACCGTATNNACGTTGATGACTCATCCAGTTACGGACTTAGA";

/// What is written of a variant: position from 1, REF, ALT.
type Written = (usize, &'static str, &'static str);

/// Substitutions, an insertion, a deletion, a replacement, the first and the last base, next to unknown bases.
const VARIANTS: [Written; 10] = [
    (1, "A", "G"),
    (15, "T", "A"),
    (17, "A", "AGGT"),
    (30, "GACT", "G"),
    (33, "TC", "GAA"),
    (48, "A", "T"),
    (54, "G", "GA"),
    (60, "GAC", "CTG"),
    (82, "G", "C"),
    (83, "A", "C"),
];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("t.tsv", small_table()).write("small.toml", POOLED);
    folder.run("dataset sequences t.tsv -o data").ok();
    folder.run("train data --model small.toml --epochs 6 --batch-size 16 --members 2 -o run").ok();
    folder.write("genome.fa", format!(">chr1\n{CONTIG}\n"));
    let line = |(position, reference, alternate): &Written| {
        assert_eq!(&CONTIG[position - 1..position - 1 + reference.len()], *reference, "{position}");
        format!("chr1\t{position}\t.\t{reference}\t{alternate}\t.\t.\t.\n")
    };
    let head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    folder.write("in.vcf", head.to_owned() + &VARIANTS.iter().map(line).collect::<String>());
    folder
}

fn variants(folder: &Folder, run: &str, rest: &str) -> Ran {
    folder.run(&format!("variants {run} --genome genome.fa {rest}"))
}

/// The fields of each record that is written.
fn fields(ran: &Ran) -> Vec<BTreeMap<String, String>> {
    let of = |line: &str| {
        let info = line.split('\t').nth(7).unwrap().split(';');
        info.filter_map(|entry| entry.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect()
    };
    ran.stdout.lines().filter(|line| !line.starts_with('#')).map(of).collect()
}

/// How the library is asked.
#[derive(Clone, Copy)]
struct Asked {
    method: &'static str,
    strands: bool,
    reverse: bool,
}

/// What each base of a window contributes, by one model.
fn contributions(model: &Model, letters: &[u8], asked: Asked) -> Vec<f64> {
    let mut batch = SequenceBatch::new(model.encoding(), model.length());
    batch.push(letters).unwrap();
    if asked.reverse {
        batch.reverse_complement(0);
    }
    let once = |batch: &SequenceBatch| -> Vec<f64> {
        let values = match asked.method {
            "deeplift" => deeplift(model, batch, &References::Uniform, 0).unwrap().projected(batch),
            "ism" => return by_substitutions(model, batch),
            _ => {
                let mut gradient = saliency(model, batch, 0).unwrap();
                centre_bases(&mut gradient, batch.length());
                keep_bases(&mut gradient, batch);
                gradient
            }
        };
        let length = batch.length();
        (0..length).map(|at| (0..4).map(|base| f64::from(values[base * length + at])).sum()).collect()
    };
    let mut own = once(&batch);
    if asked.strands {
        batch.reverse_complement(0);
        let other = once(&batch);
        own.iter_mut().zip(other.iter().rev()).for_each(|(own, other)| *own = (*own + other) / 2.0);
    }
    if asked.reverse {
        own.reverse();
    }
    own
}

fn by_substitutions(model: &Model, batch: &SequenceBatch) -> Vec<f64> {
    let score = |batch: &SequenceBatch| f64::from(model.predict(batch).unwrap().row(0)[0]);
    let own = score(batch);
    let at = |position: usize| {
        let code = batch.sequence(0)[position];
        if code.base() > 3 {
            return 0.0;
        }
        let others = (0..4).filter(|base| *base != code.base()).map(|base| {
            let mut edited = batch.emptied();
            Edit::substitution(position, code, base).push(batch, 0, &mut edited);
            score(&edited) - own
        });
        -others.sum::<f64>() / 3.0
    };
    (0..batch.length()).map(at).collect()
}

/// The mean over models.
fn mean(models: &[Model], letters: &[u8], asked: Asked) -> Vec<f64> {
    let each: Vec<Vec<f64>> = models.iter().map(|model| contributions(model, letters, asked)).collect();
    (0..letters.len()).map(|at| each.iter().map(|own| own[at]).sum::<f64>() / models.len() as f64).collect()
}

/// A window of letters, each with the base of the contig that it is.
type Letters = Vec<(u8, Option<i64>)>;

/// The reference window and, for each way to put the variant into it, the alternate one.
fn windows((position, reference, alternate): Written, length: i64) -> (Letters, Vec<Letters>) {
    let contig = CONTIG.as_bytes();
    let letter = |at: i64| (usize::try_from(at).ok().and_then(|at| contig.get(at).copied()).unwrap_or(b'N'), Some(at));
    // The first letter stays if both alleles begin with it.
    let anchor = i64::from(reference.len() != alternate.len() && reference.as_bytes()[0] == alternate.as_bytes()[0]);
    let start = position as i64 - 1 + anchor;
    let (old, new) = (reference.len() as i64 - anchor, &alternate.as_bytes()[anchor as usize..]);
    let first = start + old / 2 - length / 2;
    let gain = new.len() as i64 - old;
    let altered: Letters = (-100..start)
        .map(letter)
        .chain(new.iter().map(|&letter| (letter, None)))
        .chain((start + old..300).map(letter))
        .collect();
    let from = |at: i64| altered[(at + 100) as usize..][..length as usize].to_vec();
    let mut ways = vec![from(first)];
    if gain != 0 {
        ways.push(from(first + gain));
    }
    ((first..first + length).map(letter).collect(), ways)
}

/// Sum and largest of the changes with its distance from POS.
fn expected(models: &[Model], written: Written, asked: Asked) -> (f64, f64, i64) {
    let (own, ways) = windows(written, models[0].length() as i64);
    let by_base = |letters: &Letters| -> BTreeMap<i64, f64> {
        let values = mean(models, &letters.iter().map(|letter| letter.0).collect::<Vec<u8>>(), asked);
        letters.iter().zip(values).filter_map(|(letter, value)| Some((letter.1?, value))).collect()
    };
    let reference = by_base(&own);
    let mut changes = BTreeMap::<i64, Vec<f64>>::new();
    for way in &ways {
        for (position, value) in by_base(way) {
            if let Some(before) = reference.get(&position) {
                changes.entry(position).or_default().push(value - before);
            }
        }
    }
    let changed = written.0 as i64 - 1;
    let changes: Vec<(i64, f64)> =
        (changes.into_iter()).map(|(position, own)| (position, own.iter().sum::<f64>() / own.len() as f64)).collect();
    let total = changes.iter().map(|change| change.1.abs()).sum();
    let largest = changes.iter().copied().reduce(|a, b| if b.1.abs() > a.1.abs() { b } else { a }).unwrap();
    (total, largest.1, largest.0 - changed)
}

fn models(folder: &Folder) -> Vec<Model> {
    ["run/members/1", "run/members/2"]
        .map(|member| Model::load(&folder.path(member).join("model.safetensors")).unwrap())
        .into()
}

fn agree(ran: &Ran, models: &[Model], asked: Asked) {
    let rows = fields(ran);
    assert_eq!(rows.len(), VARIANTS.len());
    for (row, written) in rows.iter().zip(VARIANTS) {
        let number = |key: &str| row[key].parse::<f64>().unwrap();
        let (total, largest, at) = expected(models, written, asked);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-5 + 1e-3 * b.abs();
        let said = format!("{} {written:?}: {row:?} {total} {largest} {at}", asked.method);
        assert!(close(number("BW_ATTR_SUM"), total) && close(number("BW_ATTR_MAX"), largest), "{said}");
        assert!(total > 0.0 && number("BW_ATTR_POS") == at as f64, "{said}");
    }
}

#[test]
fn each_method_says_what_the_library_says_of_both_sequences() {
    let folder = folder();
    let models = models(&folder);
    for method in ["deeplift", "input-x-gradient", "ism"] {
        let asked = Asked { method, strands: false, reverse: false };
        let flag = if method == "deeplift" { String::new() } else { format!("={method}") };
        let ran = variants(&folder, "run", &format!("--vcf in.vcf -o - --attribution{flag}")).ok();
        agree(&ran, &models, asked);
        assert!(ran.stdout.contains("##INFO=<ID=BW_ATTR_POS,Number=A,Type=Integer"), "{}", ran.stdout);
        let one = variants(&folder, "run/members/1", &format!("--vcf in.vcf -o - --attribution={method}")).ok();
        agree(&one, &models[..1], asked);
        let both = variants(&folder, "run", &format!("--vcf in.vcf -o - --average-strands --attribution={method}"));
        agree(&both.ok(), &models, Asked { strands: true, ..asked });
        folder.write("minus.bed", "chr1\t0\t83\tx\t0\t-\n");
        let minus = variants(&folder, "run", &format!("--vcf in.vcf -o - --regions minus.bed --attribution={method}"));
        agree(&minus.ok(), &models, Asked { reverse: true, ..asked });
    }
}

#[test]
fn deeplift_contributions_add_up_to_the_change_of_the_score() {
    let folder = folder();
    let models = models(&folder);
    let rows = fields(&variants(&folder, "run", "--vcf in.vcf -o -").ok());
    let asked = Asked { method: "deeplift", strands: false, reverse: false };
    for (row, written) in rows.iter().zip(VARIANTS).filter(|(_, written)| written.1.len() == written.2.len()) {
        let (own, ways) = windows(written, models[0].length() as i64);
        let sum = |letters: &Letters| {
            mean(&models, &letters.iter().map(|letter| letter.0).collect::<Vec<u8>>(), asked).iter().sum::<f64>()
        };
        let change = sum(&ways[0]) - sum(&own);
        let score: f64 = row["BW_LOGODDS"].parse().unwrap();
        assert!((change - score).abs() < 1e-4 * (1.0 + score.abs()), "{written:?} {change} {score}");
    }
}

#[test]
fn shifts_are_averaged_and_a_motif_that_is_broken_shows_where_it_was() {
    let folder = folder();
    let ran = variants(&folder, "run", "--vcf in.vcf -o - --average-shifts 2 --attribution").ok();
    let shifted = fields(&ran);
    assert!(shifted.iter().all(|row| row["BW_ATTR_SUM"].parse::<f64>().unwrap() > 0.0), "{shifted:?}");
    // TGACTCAT, which the labels are about, stands at bases 11 to 18, where it stood in training: a base of it takes the
    // others along.
    let own = &fields(&variants(&folder, "run", "--vcf in.vcf -o - --attribution").ok())[1];
    let at: i64 = own["BW_ATTR_POS"].parse().unwrap();
    assert!((11..=18).contains(&(15 + at)) && own["BW_ATTR_MAX"].starts_with('-'), "{own:?}");
}

#[test]
fn threads_parts_and_company_change_nothing() {
    let folder = folder();
    let run = |rest: &str| variants(&folder, "run", rest).ok();
    let all = fields(&run("--vcf in.vcf -o - --grid 8 --attribution -t 1"));
    assert_eq!(all, fields(&run("--vcf in.vcf -o - --grid 8 --attribution -t 3")));
    // Each alone, where no other allele shares its window.
    let text = std::fs::read_to_string(folder.path("in.vcf")).unwrap();
    for (line, row) in text.lines().skip(2).zip(&all) {
        let head: String = text.lines().take(2).map(|line| format!("{line}\n")).collect();
        folder.write("one.vcf", format!("{head}{line}\n"));
        let own = fields(&run("--vcf one.vcf -o - --grid 8 --attribution"));
        for key in ["BW_ATTR_SUM", "BW_ATTR_MAX", "BW_ATTR_POS"] {
            assert_eq!(own[0][key], row[key], "{line}");
        }
    }
    run("--vcf in.vcf -o whole.vcf.gz --attribution");
    run("--vcf in.vcf -o part1.vcf.gz --attribution --shard 1/2");
    run("--vcf in.vcf -o part2.vcf.gz --attribution --shard 2/2");
    folder.run("variants merge part1.vcf.gz part2.vcf.gz -o merged.vcf.gz").ok();
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
    assert_eq!(bytes("merged.vcf.gz"), bytes("whole.vcf.gz"));
    for other in ["", "--attribution=ism"] {
        run(&format!("--vcf in.vcf -o part2.vcf.gz --shard 2/2 {other}"));
        let merged = folder.run("variants merge part1.vcf.gz part2.vcf.gz -o m.vcf.gz");
        merged.fails_saying(&["another models, genome or settings"]);
    }
}

#[test]
fn alleles_that_are_not_scored_have_none_and_swapped_ones_the_other_sign() {
    let folder = folder();
    let head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
    let lines = "chr1\t14\t.\tC\tA,<DEL>,G\t.\t.\t.\nchr1\t14\t.\tA\tC\t.\t.\t.\n";
    folder.write("in.vcf", format!("{head}{lines}"));
    let ran = variants(&folder, "run", "--vcf in.vcf -o - --on-ref-mismatch swap --attribution").ok();
    let rows = fields(&ran);
    assert_eq!(rows[0]["BW_STATUS"], "scored_at_end,symbolic,scored_at_end");
    assert_eq!(rows[1]["BW_STATUS"], "scored_swapped");
    let values = |row: usize, key: &str| rows[row][key].split(',').map(str::to_owned).collect::<Vec<String>>();
    for key in ["BW_ATTR_SUM", "BW_ATTR_MAX", "BW_ATTR_POS"] {
        assert_eq!(values(0, key)[1], ".");
        let (there, back) = (&values(0, key)[0], &values(1, key)[0]);
        let turned = there.strip_prefix('-').map_or(format!("-{there}"), str::to_owned);
        assert_eq!(*back, if key == "BW_ATTR_MAX" { turned } else { there.clone() }, "{key}");
    }
    for name in ["out.tsv", "out.parquet"] {
        variants(&folder, "run", &format!("--vcf in.vcf -o {name} --on-ref-mismatch skip --attribution")).ok();
    }
    let table = std::fs::read_to_string(folder.path("out.tsv")).unwrap();
    assert!(table.lines().next().unwrap().ends_with("\tBW_ATTR_SUM\tBW_ATTR_MAX\tBW_ATTR_POS"), "{table}");
    assert!(table.lines().nth(2).unwrap().ends_with("\t\t\t"), "{table}");
}

#[test]
fn classical_models_are_refused_before_anything_is_read() {
    let folder = folder();
    folder.run("train data --model logistic -o words").ok();
    // The file of variants is not there, which would be told if it came to that.
    for method in ["", "=input-x-gradient"] {
        let ran = variants(&folder, "words", &format!("--vcf none.vcf -o out.vcf --attribution{method}"));
        ran.fails_saying(&["needs a network, found a model of kind", "--attribution=ism"]);
    }
    let ran = variants(&folder, "words", "--vcf in.vcf -o - --attribution=ism").ok();
    assert!(fields(&ran).iter().all(|row| row.contains_key("BW_ATTR_SUM")));
}
