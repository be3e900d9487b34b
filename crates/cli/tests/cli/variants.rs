//! Variants in, scores out: policies, parts, killed runs.

use crate::support::{Folder, quickstart};
use std::fmt::Write;

/// A folder with a genome of ten splice donors, each a contig of 140 bases with the site at base 71.
fn folder() -> Folder {
    let folder = Folder::new();
    let table = std::fs::read_to_string(quickstart().join("quickstart/inputs/donor.tsv")).unwrap();
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| names.iter().position(|own| *own == name).unwrap();
    let (label, sequence) = (column("label"), column("sequence"));
    let donors = lines.map(|line| line.split('\t').collect::<Vec<_>>()).filter(|row| row[label] == "1");
    let mut text = String::new();
    for (i, row) in donors.take(10).enumerate() {
        let _ = writeln!(text, ">chr{}\n{}", i + 1, row[sequence].to_uppercase());
    }
    folder.write("genome.fa", text);
    folder
}

fn contig(folder: &Folder, number: usize) -> Vec<u8> {
    let text = std::fs::read_to_string(folder.path("genome.fa")).unwrap();
    text.lines().nth(2 * number - 1).unwrap().bytes().collect()
}

/// A substitution of each base from `from` to `to` (1-based) of a contig.
fn substitutions(folder: &Folder, number: usize, from: usize, to: usize) -> String {
    let bases = contig(folder, number);
    let mut lines = String::new();
    for position in from..=to {
        let base = bases[position - 1] as char;
        let other = if base == 'A' { 'C' } else { 'A' };
        let _ = writeln!(lines, "chr{number}\t{position}\tv{position}\t{base}\t{other}\t30\tPASS\tAC=1\tGT\t0/1");
    }
    lines
}

const HEAD: &str = "##fileformat=VCFv4.2\n##INFO=<ID=AC,Number=A,Type=Integer,Description=\"count\">\n##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n";

fn command(rest: &str) -> String {
    let run = quickstart().join("quickstart/donor/run");
    format!("variants {} --genome genome.fa {rest}", run.display())
}

fn value(line: &str, key: &str) -> Vec<f64> {
    let info = line.split('\t').nth(7).unwrap();
    let entry = info.split(';').find_map(|entry| entry.strip_prefix(&format!("{key}="))).unwrap_or_default();
    entry.split(',').filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn what_breaks_the_site_scores_highest_and_everything_else_stays() {
    let folder = folder();
    // Windows lie on the site, as those that the model was trained on.
    folder.write("sites.bed", "chr1\t70\t71\nchr2\t70\t71\n");
    let lines = substitutions(&folder, 1, 61, 82);
    folder.write("in.vcf", format!("{HEAD}{lines}{}", substitutions(&folder, 3, 70, 70)));
    let ran = folder.run(&command("--vcf in.vcf --regions sites.bed --centre region -o out.vcf")).ok();
    assert!(ran.stderr.contains("23 records in = 22 scored + 1 outside the regions"), "{}", ran.stderr);
    let out = std::fs::read_to_string(folder.path("out.vcf")).unwrap();
    let records: Vec<&str> = out.lines().filter(|line| !line.starts_with('#')).collect();
    for (record, original) in records.iter().zip(lines.lines()) {
        let (before, after) = original.split_once("AC=1").unwrap();
        assert!(record.starts_with(&format!("{before}AC=1;BW_STATUS=scored")) && record.ends_with(after), "{record}");
    }
    let change = |record: &&str| value(record, "BW_LOGODDS")[0].abs();
    let mut order: Vec<&str> = records[..22].to_vec();
    order.sort_by(|a, b| change(b).total_cmp(&change(a)));
    let rank = |id: &str| order.iter().position(|record| record.split('\t').nth(2) == Some(id)).unwrap();
    assert!(rank("v71") < 2 && rank("v72") < 5, "{} {}", rank("v71"), rank("v72"));
    assert!(out.contains("##contig=<ID=chr1,length=140>") && out.contains("##INFO=<ID=BW_DIFF,Number=A,Type=Float"));
    // Whole passes say the same.
    folder.run(&command("--vcf in.vcf --regions sites.bed --centre region --plain -o plain.vcf")).ok();
    let plain = std::fs::read_to_string(folder.path("plain.vcf")).unwrap();
    for (a, b) in records.iter().zip(plain.lines().filter(|line| !line.starts_with('#'))).take(22) {
        assert!((value(a, "BW_LOGODDS")[0] - value(b, "BW_LOGODDS")[0]).abs() < 1e-4, "{a}\n{b}");
    }
}

#[test]
fn insertions_deletions_and_alleles_that_are_none_are_told_apart() {
    let folder = folder();
    let bases = contig(&folder, 1);
    let at = |from: usize, to: usize| String::from_utf8(bases[from - 1..to].to_vec()).unwrap();
    let line = |position: usize, reference: &str, alternate: &str| {
        format!("1\t{position}\t.\t{reference}\t{alternate}\t.\t.\t.\tGT\t.\n")
    };
    let lines = [
        line(70, &at(70, 72), &at(70, 70)),
        line(70, &at(70, 70), &format!("{}A,<DEL>,*,{}[2:1[", at(70, 70), at(70, 70))),
        line(80, &at(80, 80), "."),
        line(0, "N", "A"),
        line(141, "N", "A"),
        line(10, &at(10, 10), &at(10, 10)),
        line(10, &at(10, 10), "N"),
        line(1, &at(1, 140), &at(1, 1)),
    ];
    folder.write("in.vcf", format!("{HEAD}{}", lines.concat()));
    let ran = folder.run(&command("--vcf in.vcf -o -")).ok();
    assert!(ran.stderr.contains("contig \"1\" is taken for the genome's \"chr1\""), "{}", ran.stderr);
    let statuses: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once("BW_STATUS=").map_or("", |(_, rest)| rest.split([';', '\t']).next().unwrap()))
        .collect();
    let expected = [
        "scored",
        "scored,symbolic,star,breakend",
        "",
        "beyond_contig",
        "beyond_contig",
        "no_change",
        "unknown_base",
        "scored_at_end",
    ];
    assert_eq!(
        statuses.iter().map(|s| s.replace("scored_at_end", "scored")).collect::<Vec<_>>(),
        expected.map(|s| s.replace("scored_at_end", "scored"))
    );
    assert!(
        ran.stderr.contains("8 records in = ") && ran.stderr.contains("11 alleles in = ")
            || ran.stderr.contains("10 alleles in = "),
        "{}",
        ran.stderr
    );
}

#[test]
fn values_of_the_same_name_and_letters_that_are_no_sequence_are_not_passed_over() {
    let folder = folder();
    let base = contig(&folder, 2)[70] as char;
    let other = if base == 'A' { 'C' } else { 'A' };
    // A header need not have told of the field.
    folder.write("in.vcf", format!("{HEAD}chr2\t71\t.\t{base}\t{other}\t.\t.\tBW_DIFF=3\tGT\t.\n"));
    folder.run(&command("--vcf in.vcf -o out.vcf")).fails_saying(&["in.vcf", "line 5", "no BW_DIFF in INFO", "--name"]);
    assert!(!folder.path("out.vcf").exists());
    folder.run(&command("--vcf in.vcf -o out.tsv")).ok();
    for wrong in ["XYZ", "-", "*", "T1"] {
        folder.write("in.vcf", format!("{HEAD}chr2\t71\t.\t{wrong}\t{other}\t.\t.\t.\tGT\t.\n"));
        let ran = folder.run(&command("--vcf in.vcf -o - --on-ref-mismatch flag")).ok();
        assert!(ran.stdout.contains("BW_STATUS=unknown_base"), "{wrong}: {}", ran.stdout);
    }
}

#[test]
fn a_ref_that_is_not_the_genomes_stops_or_is_dealt_with_as_asked() {
    let folder = folder();
    let base = contig(&folder, 2)[70] as char;
    let others: Vec<char> = "ACGT".chars().filter(|&other| other != base).collect();
    let (x, y) = (others[0], others[1]);
    let lines = format!("chr2\t71\t.\t{x}\t{base},{y}\t.\t.\t.\tGT\t.\nchr2\t71\t.\t{base}\t{x}\t.\t.\t.\tGT\t.\n");
    folder.write("in.vcf", format!("{HEAD}{lines}"));
    folder.run(&command("--vcf in.vcf -o out.vcf")).fails_saying(&[
        "in.vcf",
        "line 5",
        "chr2:71",
        &format!("expected the REF {base}"),
        "--on-ref-mismatch",
    ]);
    assert!(!folder.path("out.vcf").exists());
    let run = |policy: &str| {
        let ran = folder.run(&command(&format!("--vcf in.vcf -o - --on-ref-mismatch {policy}"))).ok();
        ran.stdout.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<String>>()
    };
    assert!(run("skip")[0].contains("BW_STATUS=ref_mismatch,ref_mismatch"));
    let flagged = run("flag");
    assert!(flagged[0].contains("BW_STATUS=no_change,scored_against_genome"), "{}", flagged[0]);
    let swapped = run("swap");
    assert!(swapped[0].contains("BW_STATUS=scored_swapped,ref_mismatch"), "{}", swapped[0]);
    let [there, back] = [&swapped[1], &swapped[0]]
        .map(|line| (value(line, "BW_LOGODDS")[0], value(line, "BW_REF")[0], value(line, "BW_ALT")[0]));
    assert_eq!((there.0, there.1, there.2), (-back.0, back.2, back.1));
    folder.write("other.vcf", format!("{HEAD}chrX\t71\t.\tA\tC\t.\t.\t.\tGT\t.\n"));
    folder.run(&command("--vcf other.vcf -o out.vcf")).fails_saying(&["line 5", "expected one of its contigs", "chrX"]);
    let ran = folder.run(&command("--vcf other.vcf -o out.vcf --on-unknown-contig skip")).ok();
    assert!(
        ran.stderr.contains("1 on a contig that the genome lacks") && ran.stderr.contains("no allele was scored"),
        "{}",
        ran.stderr
    );
}

/// The raw scores that `variants plot` prints.
fn drawn(folder: &Folder, rest: &str) -> (f64, f64) {
    let run = quickstart().join("quickstart/donor/run");
    let line = format!("variants plot {} --genome genome.fa -o plot.svg {rest}", run.display());
    let ran = folder.run(&line).ok();
    let (_, said) = ran.stderr.split_once("raw score ").unwrap();
    let (before, after) = said.split_once(" to ").unwrap();
    (before.parse().unwrap(), after.split(';').next().unwrap().parse().unwrap())
}

#[test]
fn a_plot_says_what_the_scores_say() {
    let folder = folder();
    let bases = contig(&folder, 1);
    let at = |from: usize, to: usize| String::from_utf8(bases[from - 1..to].to_vec()).unwrap();
    let other = if bases[70] == b'A' { 'C' } else { 'A' };
    let variants = [
        (71, at(71, 71), other.to_string()),
        (60, at(60, 60), format!("{}GATTACAGATTACAG", at(60, 60))),
        (74, at(74, 84), at(74, 74)),
        // At both ends of the contig.
        (1, at(1, 1), format!("{}GG", at(1, 1))),
        (138, at(138, 140), at(138, 138)),
    ];
    let line = |(position, reference, alternate): &(usize, String, String)| {
        format!("chr1\t{position}\t.\t{reference}\t{alternate}\t.\t.\t.\tGT\t.\n")
    };
    folder.write("in.vcf", format!("{HEAD}{}", variants.iter().map(line).collect::<String>()));
    let ran = folder.run(&command("--vcf in.vcf -o - --top 5 --page page.html")).ok();
    let scored: Vec<&str> = ran.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    for (scored, (position, reference, alternate)) in scored.iter().zip(&variants) {
        let variant = format!("--variant chr1:{position}:{reference}:{alternate}");
        let (before, after) = drawn(&folder, &variant);
        let change = value(scored, "BW_LOGODDS")[0];
        assert!((after - before - change).abs() < 0.0015, "{variant}: {before} to {after}, scored {change}");
    }
    let page = std::fs::read_to_string(folder.path("page.html")).unwrap();
    for letter in ["A", "C", "G", "T", "U", "N"] {
        assert_eq!(page.matches(&format!("id=\"bw-{letter}\"")).count(), 1, "{letter}");
    }
    assert_eq!(page.matches("<figure class=\"wide\"><div class=\"scroll\"").count(), 5);
    assert!(page.contains("<code>basewise variants ") && page.contains(" --page page.html</code>"), "{page}");
    // The other strand is named where letters are not those of the alleles. Labels are outlines, so the picture is wider.
    let svg = |rest: &str| {
        drawn(&folder, &format!("--variant chr1:71:{}:{other} --flank 0 {rest}", at(71, 71)));
        let text = std::fs::read_to_string(folder.path("plot.svg")).unwrap();
        let width: f64 = text.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        width
    };
    assert!(svg("--reverse") > svg("") + 80.0);
}

#[test]
fn a_plot_refuses_what_it_does_not_draw() {
    let folder = folder();
    let base = contig(&folder, 2)[70] as char;
    let others: Vec<char> = "ACGT".chars().filter(|&other| other != base).collect();
    let (x, y) = (others[0], others[1]);
    let run = quickstart().join("quickstart/donor/run");
    let line = format!("variants plot {} --genome genome.fa -o plot.svg --variant", run.display());
    folder.run(&format!("{line} chr2:71:{base}:{x},{y}")).fails_saying(&[
        "expected one alternate allele, found 2",
        &format!("--variant chr2:71:{base}:{x}, then --variant chr2:71:{base}:{y}"),
    ]);
    let refused = folder.run(&format!("{line} chr2:71:{x}:{y}"));
    assert!(!refused.stderr.contains("--on-ref-mismatch"), "{}", refused.stderr);
    refused.fails_saying(&[&format!("expected the REF {base}"), "is the variant of this genome's assembly?"]);
    assert!(!folder.path("plot.svg").exists());
}

/// More records than two blocks hold.
fn many(folder: &Folder) -> String {
    let all: String = (1..=10).map(|number| substitutions(folder, number, 1, 140)).collect();
    format!("{HEAD}{}", all.repeat(4))
}

#[test]
fn parts_and_killed_runs_come_to_the_same_bytes() {
    let folder = folder();
    folder.write("in.vcf", many(&folder));
    let whole = |threads: usize, name: &str| {
        folder.run(&command(&format!("--vcf in.vcf --null 20 -o {name} -t {threads}"))).ok()
    };
    let ran = whole(1, "one.vcf.gz");
    assert!(ran.stderr.contains("5,600 records in = "), "{}", ran.stderr);
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
    let expected = bytes("one.vcf.gz");
    for part in 1..=4 {
        folder.run(&command(&format!("--vcf in.vcf --null 20 --shard {part}/4 -o part{part}.vcf.gz"))).ok();
    }
    let parts = "part3.vcf.gz part1.vcf.gz part4.vcf.gz part2.vcf.gz";
    let merged = folder.run(&format!("variants merge {parts} -o merged.vcf.gz")).ok();
    assert_eq!(bytes("merged.vcf.gz"), expected);
    assert!(merged.stderr.contains("5,600 records in = "), "{}", merged.stderr);
    folder.run("variants merge part1.vcf.gz part2.vcf.gz part4.vcf.gz -o m.vcf.gz").fails_saying(&["none that is 3/4"]);
    folder.run("variants merge part1.vcf.gz part1.vcf.gz -o m.vcf.gz").fails_saying(&["twice"]);
    folder.run(&command("--vcf in.vcf --null 30 --shard 2/4 -o other.vcf.gz")).ok();
    folder
        .run("variants merge part1.vcf.gz other.vcf.gz part3.vcf.gz part4.vcf.gz -o m.vcf.gz")
        .fails_saying(&["another models, genome or settings"]);
    // A part that was killed is none until it was finished.
    let line = command("--vcf in.vcf --null 20 --shard 2/4 -o killed2.vcf.gz");
    folder.kill(&line, &[0.02, 0.05, 0.1]);
    let parts = "part3.vcf.gz part1.vcf.gz part4.vcf.gz killed2.vcf.gz";
    if !folder.path("killed2.vcf.gz.shard.json").exists() {
        folder
            .run(&format!("variants merge {parts} -o m.vcf.gz"))
            .fails_saying(&["killed2.vcf.gz", "expected a complete part"]);
    }
    folder.run(&format!("{line} --resume")).ok();
    folder.run(&format!("variants merge {parts} -o merged.vcf.gz")).ok();
    assert_eq!(bytes("merged.vcf.gz"), expected);
    // What stands beside another manifest is no part either.
    folder.write("part2.vcf.gz", "x");
    folder
        .run("variants merge part1.vcf.gz part2.vcf.gz part3.vcf.gz part4.vcf.gz -o m.vcf.gz")
        .fails_saying(&["part2.vcf.gz", "found another one"]);
    // The whole run, killed at several points.
    let line = command("--vcf in.vcf --null 20 -o killed.vcf.gz --resume");
    folder.kill(&line, &[0.05, 0.2, 0.4]);
    folder.run(&line).ok();
    assert_eq!(bytes("killed.vcf.gz"), expected);
    assert!(!folder.path("killed.vcf.gz.parts").exists());
}

#[test]
fn regions_of_the_file_tables_and_names_are_as_asked() {
    let folder = folder();
    folder.write("in.vcf", format!("{HEAD}{}{}", substitutions(&folder, 1, 60, 80), substitutions(&folder, 2, 60, 80)));
    let ran = folder.run(&command("--vcf in.vcf --region chr1:61-65 -o out.tsv")).ok();
    assert!(ran.stderr.contains("5 records in = 5 scored"), "{}", ran.stderr);
    let table = std::fs::read_to_string(folder.path("out.tsv")).unwrap();
    assert!(table.starts_with("chrom\tpos\tid\tref\talt\tBW_STATUS\tBW_REF") && table.lines().count() == 6, "{table}");
    folder.run(&command("--vcf in.vcf -o out.parquet --average-strands --average-shifts 1")).ok();
    folder.run(&command("--vcf in.vcf -o first.vcf.gz")).ok();
    folder.run(&command("--vcf first.vcf.gz -o again.vcf")).fails_saying(&["BW_STATUS", "--name"]);
    folder.run(&command("--vcf first.vcf.gz -o again.bcf --name donor")).ok();
    folder.run(&command("--vcf again.bcf -o - --name third")).ok();
    folder.run(&command("--vcf in.vcf -o out.xyz")).fails_saying(&["expected a name that ends in"]);
    folder.run(&command("--vcf in.vcf -o in.vcf")).fails_saying(&["another output than the input"]);
    folder.run(&command("--vcf in.vcf --shard 1/2 -o out.tsv")).fails_saying(&["for a part of a run"]);
    folder.run(&command("--vcf in.vcf --grid 500 -o out.vcf")).fails_saying(&["--grid"]);
    let ran = folder.run(&command("--vcf in.vcf --region chr1:1-5 -o none.vcf")).ok();
    assert!(ran.stderr.contains("no allele was scored"), "{}", ran.stderr);
}

#[test]
fn a_contig_may_look_like_a_place_and_a_refused_command_keeps_the_part_that_is_there() {
    let folder = folder();
    let text = std::fs::read_to_string(folder.path("genome.fa")).unwrap();
    folder.write("genome.fa", text.replace(">chr1\n", ">chr1:1-140\n"));
    folder.write("in.vcf", format!("{HEAD}{}", substitutions(&folder, 1, 60, 64).replace("chr1\t", "chr1:1-140\t")));
    let ran = folder.run(&command("--vcf in.vcf --region chr1:1-140 --shard 1/1 -oout.vcf")).ok();
    assert!(ran.stderr.contains("5 records in = 5 scored"), "{}", ran.stderr);
    let out = std::fs::read_to_string(folder.path("out.vcf")).unwrap();
    assert!(out.contains("##basewise_command=") && !out.contains("out.vcf"), "{out}");
    folder.run(&command("--vcf in.vcf --grid 500 --shard 1/1 -o out.vcf")).fails_saying(&["--grid"]);
    assert!(folder.path("out.vcf.shard.json").is_file());
}
