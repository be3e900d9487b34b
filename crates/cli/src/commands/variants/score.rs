//! `basewise variants RUN`: records in, scores out, block by block.

use super::ScoreArgs;
use super::attribution::Attribution;
use super::columns::Columns;
use super::motif_changes::MotifChanges;
use super::null::NullSource;
use super::page;
use super::parts::{Parts, add_lines, hex};
use super::prepare::{Preparer, Rules};
use super::regions::{Regions, region};
use super::scorer::Scorer;
use super::shard::{Manifest, Shard, identity};
use super::status::Account;
use super::top::{self, Top};
use crate::commands::evaluate::batch_of;
use crate::failure::{Outcome, user};
use crate::printer::Printer;
use crate::run_dir::{RunDir, not_the_input};
use crate::trained::{CLASSICAL, NETWORK, TrainedModel};
use anyhow::{Context, Result};
use basewise_core::average::Ensemble;
use basewise_core::{Alphabet, Predict};
use basewise_io::Genome;
use basewise_io::variants::{Format, Header, InfoField, Record, Region, VariantReader, VariantWriter};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Records that are read, scored and written at a time: memory holds one block of them.
const BLOCK: usize = 2048;

pub(super) fn run(args: &ScoreArgs, run: &Path, printer: &Printer) -> Result<Outcome> {
    let (Some(vcf), Some(genome), Some(output)) = (&args.vcf, &args.genome, &args.output) else {
        return Err(user(
            "expected --vcf, --genome and -o beside the run, found less",
            Some("see `basewise variants --help`"),
        ));
    };
    check_output(args, output, vcf)?;
    let run = RunDir::open(run)?;
    let models = run.model()?;
    check_model(args, &models)?;
    let genome = Genome::open(genome)?;
    genome.notes().iter().for_each(|note| printer.talk(note));
    let regions = args.regions.as_deref().map(|path| Regions::read(path, &genome)).transpose()?;
    let mut scorer = scorer(args, &models)?;
    let region = args.region.as_deref().map(|text| region(text, &genome)).transpose()?;
    let reader = VariantReader::open(vcf)?;
    let run_identity = identity(&(
        env!("CARGO_PKG_VERSION"),
        digests(&run)?,
        models.weights(),
        genome.contigs(),
        args.settings(),
        args.regions.as_deref().map(basewise_io::input::digest).transpose()?,
        args.motifs.as_deref().map(basewise_io::input::digest).transpose()?,
    ))?;
    let rules = rules(args, &models, regions.as_ref())?;
    let parts = if output == Path::new("-") { None } else { Some(Parts::open(output, &run_identity, args.resume)?) };
    if args.shard.is_some() {
        remove_manifest(output)?;
    }
    scorer.columns.null = match null(args, &scorer, &genome, regions.as_ref()) {
        Ok(null) => null,
        Err(error) => return Err(failed(parts, error, printer)),
    };
    let around = scorer.motifs.as_ref().map_or(0, MotifChanges::reach);
    let preparer = Preparer::new(&genome, rules, vcf, around);
    let total = if printer.shows_bars() { records_in(vcf)? } else { 0 };
    let bar = printer.bar(total as u64, "{pos}/{len} records, {per_sec}, {eta} left {bar:24}");
    let mut flow = Flow {
        reader,
        preparer,
        scorer: &scorer,
        region,
        shard: args.shard.unwrap_or(Shard::WHOLE),
        parts,
        account: Account::default(),
        top: Top::new(shown(args), scorer.columns.main_field(0)),
        hasher: Sha256::new(),
        read: 0,
    };
    let ran = flow.run(output, &genome, printer, &bar);
    bar.finish_and_clear();
    let notes = match ran {
        Ok(notes) => notes,
        Err(error) => return Err(failed(flow.parts, error, printer)),
    };
    notes.iter().for_each(|note| printer.talk(note));
    if let Some(shard) = args.shard {
        let manifest = Manifest {
            format_version: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            shard,
            identity: run_identity,
            records_sha256: hex(flow.hasher),
            records_read: flow.read,
            block_records: BLOCK,
            longest: longest(&genome),
            file_sha256: String::new(),
            account: flow.account.clone(),
        };
        manifest.write(output)?;
    }
    if let Some(parts) = flow.parts {
        parts.remove()?;
    }
    printer.talk(&flow.account.text());
    let score = scorer.columns.fields()[scorer.columns.main_field(0)].id.clone();
    let ranked = flow.top.ranked();
    if args.top > 0 {
        top::table(&ranked, &score).iter().for_each(|table| printer.talk(table.trim_end()));
    }
    if let Some(path) = &args.page {
        let page = page::Page { ranked: &ranked, score: &score, account: &flow.account.text() };
        page.write(path, args, &scorer, &genome)?;
        printer.talk(&format!("wrote {}", path.display()));
    }
    if flow.account.scored() == 0 {
        printer.warn("no allele was scored");
    }
    Ok(Outcome::Done)
}

/// Alleles of the ranking.
fn shown(args: &ScoreArgs) -> usize {
    if args.page.is_some() && args.top == 0 { page::SHOWN } else { args.top }
}

fn check_output(args: &ScoreArgs, output: &Path, vcf: &Path) -> Result<()> {
    let format = Format::of(output)?;
    not_the_input(output, vcf)?;
    if args.shard.is_none() {
        return Ok(());
    }
    if output == Path::new("-") || !format.has_records() {
        return Err(user(
            format!("{}: expected a .vcf, .vcf.gz or .bcf for a part of a run", output.display()),
            Some("parts become one file by `basewise variants merge`"),
        ));
    }
    Ok(())
}

/// Whatever is there is not complete any more.
fn remove_manifest(output: &Path) -> Result<()> {
    let manifest = Manifest::path(output);
    if manifest.exists() {
        fs_err::remove_file(manifest)?;
    }
    Ok(())
}

/// Says how to go on from what is finished, if something is.
fn failed(parts: Option<Parts>, error: anyhow::Error, printer: &Printer) -> anyhow::Error {
    parts.and_then(Parts::after_failure).iter().for_each(|note| printer.talk(note));
    error
}

/// Refuses models that need more than bases, and those of one strand without a strand.
fn check_model(args: &ScoreArgs, models: &Ensemble<TrainedModel>) -> Result<()> {
    batch_of(models, std::iter::empty())?;
    args.attribution.map_or(Ok(()), |method| method.check(models))?;
    if models.encoding().alphabet == Alphabet::Rna && args.regions.is_none() {
        return Err(user(
            "the model reads RNA, which has one strand, so it speaks only about transcripts",
            Some("name them and their strands: --regions TRANSCRIPTS.bed"),
        ));
    }
    if args.grid > models.length() as u64 / 2 || args.grid == 0 {
        return Err(user(
            format!("expected --grid of 1 to half the window of {} positions, found {}", models.length(), args.grid),
            None,
        ));
    }
    Ok(())
}

/// What scores alleles, still without null scores.
fn scorer<'a>(args: &ScoreArgs, models: &'a Ensemble<TrainedModel>) -> Result<Scorer<'a>> {
    let mut columns = Columns::new(models.tasks(), &args.target, models.members().len(), args.name.as_deref())?;
    let motifs = args.motifs.as_deref().map(|path| MotifChanges::read(path, models.encoding())).transpose()?;
    // Classical models have no way that is faster than whole passes, and these go best together.
    let plain = args.plain || models.members().iter().any(|model| matches!(model, TrainedModel::Classical(_)));
    columns.motifs = motifs.is_some();
    columns.attribution = args.attribution;
    let attribution = args.attribution.map(|method| Attribution::new(method, models.tasks(), &columns.outputs));
    Ok(Scorer { models, average: args.average, plain, columns, motifs, attribution })
}

/// Main scores of null variants, if they are asked for.
fn null(
    args: &ScoreArgs,
    scorer: &Scorer<'_>,
    genome: &Genome,
    regions: Option<&Regions>,
) -> Result<Option<Vec<Vec<f64>>>> {
    if args.null == 0 {
        return Ok(None);
    }
    let source = NullSource {
        genome,
        regions,
        centre: args.centre,
        kind: args.null_kind,
        number: args.null,
        seed: args.seed,
        length: scorer.models.length(),
        margin: args.average.over(scorer.models)?.margin(),
    };
    source.scores(scorer).map(Some)
}

fn rules<'a>(args: &ScoreArgs, models: &Ensemble<TrainedModel>, regions: Option<&'a Regions>) -> Result<Rules<'a>> {
    Ok(Rules {
        mismatch: args.on_ref_mismatch,
        unknown_contig: args.on_unknown_contig,
        regions,
        centre: args.centre,
        grid: args.grid,
        length: models.length(),
        margin: args.average.over(models)?.margin(),
        encoding: models.encoding(),
    })
}

/// SHA-256 of the file of each model.
fn digests(run: &RunDir) -> Result<Vec<String>> {
    let of = |member: RunDir| {
        let classical = member.file(CLASSICAL);
        let file = if classical.is_file() { classical } else { member.file(NETWORK) };
        Ok(basewise_io::input::digest(&file)?)
    };
    run.members()?.into_iter().map(of).collect()
}

fn longest(genome: &Genome) -> u64 {
    genome.contigs().iter().map(|(_, length)| *length).max().unwrap_or(0)
}

/// Records of a file, to say how much is left; 0 where that cannot be told beforehand.
fn records_in(path: &Path) -> Result<usize> {
    if !path.is_file() {
        return Ok(0);
    }
    let mut reader = VariantReader::open(path)?;
    let mut records = 0;
    while reader.next_record()?.is_some() {
        records += 1;
    }
    Ok(records)
}

/// What helps where a field is there already.
const KNOWN: &str =
    "choose another name with --name, such as that of the model, or take the old fields out: bcftools annotate -x";

/// Records on their way from the file to the output.
struct Flow<'a> {
    reader: VariantReader,
    preparer: Preparer<'a, 'a>,
    scorer: &'a Scorer<'a>,
    region: Option<Region>,
    shard: Shard,
    parts: Option<Parts>,
    account: Account,
    top: Top,
    /// Over all records that were read.
    hasher: Sha256,
    read: usize,
}

impl Flow<'_> {
    /// Reads, scores and writes all blocks; what the user may want to know comes back.
    fn run(
        &mut self,
        output: &Path,
        genome: &Genome,
        printer: &Printer,
        bar: &indicatif::ProgressBar,
    ) -> Result<Vec<String>> {
        let fields = self.scorer.columns.fields();
        let format = Format::of(output)?;
        let mut block = self.block()?;
        let header = self.header(genome, &fields, &block)?;
        let mut writer = VariantWriter::create(output, &header, &fields, longest(genome))?;
        for number in 0.. {
            if block.is_empty() {
                break;
            }
            self.read += block.len();
            if format.has_records() {
                block.iter().try_for_each(|record| self.refuse_known(record, &fields))?;
            }
            add_lines(&mut self.hasher, &block);
            if self.shard.has(number) {
                for (record, values) in block.iter().zip(self.values(number, &block)?) {
                    self.account.add(&values);
                    self.top.add(record, &values);
                    writer.write(record, &values)?;
                }
            }
            bar.set_position(self.read as u64);
            for (name, contig) in self.preparer.names().news() {
                printer.talk(&format!("contig {name:?} is taken for the genome's {contig:?}"));
            }
            block = self.block()?;
        }
        Ok(writer.finish()?)
    }

    /// The values of a block: kept ones of an earlier run, or new ones.
    fn values(&mut self, number: usize, records: &[Record]) -> Result<Vec<Vec<Vec<basewise_io::variants::Value>>>> {
        if let Some(kept) = self.parts.as_ref().and_then(|parts| parts.get(number, records)) {
            return Ok(kept);
        }
        let reader = &self.reader;
        let prepared = self.preparer.prepare(records, |record| reader.place(record))?;
        let values = self.scorer.values(&prepared)?;
        if let Some(parts) = &self.parts {
            parts.put(number, records, &values)?;
        }
        Ok(values)
    }

    /// The next records, those of the region if there is one.
    fn block(&mut self) -> Result<Vec<Record>> {
        let mut block = Vec::new();
        while block.len() < BLOCK {
            let Some(record) = self.reader.next_record()? else { break };
            let is_wanted = self.region.as_ref().is_none_or(|region| {
                region.overlaps(record.chrom(), record.position().saturating_sub(1), record.end())
            });
            if is_wanted {
                block.push(record);
            }
        }
        Ok(block)
    }

    /// Refuses a record that has a value of a field already, of which a header need not have told.
    fn refuse_known(&self, record: &Record, fields: &[InfoField]) -> Result<()> {
        match fields.iter().find(|field| record.has_info(&field.id)) {
            None => Ok(()),
            Some(field) => {
                let (file, place) = (self.reader.path().display(), self.reader.place(record));
                Err(user(format!("{file}: {place}: expected no {} in INFO yet, found one", field.id), Some(KNOWN)))
            }
        }
    }

    /// The header with what is added to it.
    fn header(&mut self, genome: &Genome, fields: &[InfoField], first: &[Record]) -> Result<Header> {
        let mut header = self.reader.header().clone();
        if let Some(field) = fields.iter().find(|field| header.has_info(&field.id)) {
            let file = self.reader.path().display();
            return Err(user(
                format!("{file}: expected no field {} in its header yet, found one", field.id),
                Some(KNOWN),
            ));
        }
        if header.contigs().is_empty() {
            for record in first {
                self.preparer.names().find(record.chrom()).with_context(|| self.reader.place(record))?;
            }
            let names = self.preparer.names();
            header.add_contigs(genome, |contig| names.inverse(contig));
        }
        fields.iter().for_each(|field| header.add_field(field));
        header.add_line("basewise_version", env!("CARGO_PKG_VERSION"));
        header.add_line("basewise_command", &command(std::env::args().skip(1)));
        Ok(header)
    }
}

/// The command line without what does not change the result: outputs, parts, threads.
fn command(mut rest: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    while let Some(word) = rest.next() {
        let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
        match name {
            "--resume" | "--quiet" | "-q" => {}
            "--output" | "-o" | "--shard" | "--threads" | "-t" | "--top" => {
                if name == word {
                    rest.next();
                }
            }
            // A short option with its value: -oFILE, -t4.
            _ if name.starts_with("-o") || name.starts_with("-t") => {}
            _ => words.push(crate::commands::quote(&word)),
        }
    }
    format!("basewise {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_told_without_outputs_parts_and_threads() {
        let told = |line: &str| command(line.split_whitespace().map(str::to_owned));
        let expected = "basewise variants run --vcf - -gx.fa --target t";
        for line in [
            "variants run --vcf - -o out.vcf -gx.fa --threads 4 --target t",
            "variants run --vcf - -oout.vcf -gx.fa -t4 --target t --resume",
            "variants run --vcf - -o=out.vcf -gx.fa -t=4 --target t -q",
            "-t 4 variants run --vcf - --output=a=b.vcf -gx.fa --shard 1/2 --target t --top=3",
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }
}
