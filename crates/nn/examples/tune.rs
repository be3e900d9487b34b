// Throw-away tuner: tune FILE CASE ALPHABET MODEL key=value...
use basewise_core::metrics::auroc;
use basewise_core::*;
use basewise_nn::*;
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text = fs_err::read_to_string(&args[0]).unwrap();
    let case = match args[1].as_str() {
        "channel" => CasePolicy::Channel,
        "mask" => CasePolicy::MaskLower,
        _ => CasePolicy::Ignore,
    };
    let alphabet = if args[2] == "rna" { Alphabet::Rna } else { Alphabet::Dna };
    let arch = if args[3].ends_with("toml") {
        Architecture::from_toml(&fs_err::read_to_string(&args[3]).unwrap(), &args[3]).unwrap()
    } else {
        Architecture::preset(&args[3]).unwrap()
    };
    let mut config = TrainConfig::default();
    let (mut test, mut fold, mut limit, mut maxlen) = (false, 0u64, usize::MAX, usize::MAX);
    for kv in &args[4..] {
        let (k, v) = kv.split_once('=').unwrap();
        match k {
            "epochs" => config.epochs = v.parse().unwrap(),
            "batch" => config.batch_size = v.parse().unwrap(),
            "lr" => config.learning_rate = v.parse().unwrap(),
            "wd" => config.weight_decay = v.parse().unwrap(),
            "seed" => config.seed = v.parse().unwrap(),
            "patience" => config.patience = v.parse().unwrap(),
            "monitor" => config.monitor = if v == "loss" { Monitor::Loss } else { Monitor::Metric },
            "schedule" => config.schedule = if v == "cosine" { Schedule::Cosine } else { Schedule::Constant },
            "warmup" => config.warmup_epochs = v.parse().unwrap(),
            "rc" => config.reverse_complement = v == "1",
            "test" => test = v == "1",
            "fold" => fold = v.parse().unwrap(),
            "limit" => limit = v.parse().unwrap(),
            "len" => maxlen = v.parse().unwrap(),
            _ => panic!("{k}"),
        }
    }
    let mut examples = vec![];
    for line in text.lines().skip(1).take(limit) {
        let f: Vec<&str> = line.split('\t').collect();
        let (id, split, label, seq) = (f[0], f[1], f[2], f[3]);
        let key = if args[0].contains("donor") || args[0].contains("acceptor") {
            id.split(':').next().unwrap().to_owned()
        } else {
            seq.to_ascii_uppercase().replace('U', "T")
        };
        let h = key.bytes().fold(1469598103934665603u64, |h, b| (h ^ b as u64).wrapping_mul(1099511628211));
        let h = (h ^ (h >> 33)).wrapping_mul(0xff51afd7ed558ccd);
        let split = if split == "test" {
            Split::Test
        } else if (h >> 20) % 7 == fold {
            Split::Valid
        } else {
            Split::Train
        };
        examples.push(Example {
            id: id.into(),
            place: None,
            split,
            sequence: seq.as_bytes().to_vec(),
            labels: vec![label.parse().unwrap()],
        });
    }
    let length = examples.iter().map(|e| e.sequence.len()).max().unwrap().min(maxlen);
    let d = Dataset {
        encoding: Encoding { alphabet, case },
        length,
        jitter: 0,
        tasks: vec![Task { name: "y".into(), kind: TaskKind::Binary }],
        examples,
    };
    let dir = tempfile::tempdir().unwrap();
    let verbose = std::env::var("V").is_ok();
    let out = train(&d, &arch, &config, &OpenedDevice::cpu(), dir.path(), false, &mut |p| {
        if verbose && let Progress::Epoch(e) = p {
            eprintln!(
                "{:3} train {:.4} valid {:.4} auroc {:.4} {:.2}s {:.0}/s {}",
                e.epoch,
                e.train_loss,
                e.valid_loss,
                e.valid_metric.unwrap_or(0.0),
                e.seconds,
                e.examples_per_second,
                if e.best { "*" } else { "" }
            );
        }
        Control::Continue
    })
    .unwrap();
    let best = &out.history[out.best_epoch - 1];
    let mut line = format!(
        "{} L={length} n={} params={} best {}/{} vloss {:.4} vauroc {:.4} total {:.1}s {:.2}s/epoch",
        args[3..].join(" "),
        d.rows_of(Split::Train).len(),
        out.parameters,
        out.best_epoch,
        out.epochs,
        best.valid_loss,
        best.valid_metric.unwrap(),
        out.seconds,
        out.seconds / out.epochs as f64
    );
    if test {
        let rows = d.rows_of(Split::Test);
        let mut b = SequenceBatch::new(d.encoding, length);
        rows.iter().for_each(|&r| b.push(&d.examples[r].sequence).unwrap());
        let s: Vec<f64> = out.model.predict(&b).unwrap().column(0).map(f64::from).collect();
        let y: Vec<f64> = rows.iter().map(|&r| d.examples[r].labels[0]).collect();
        line += &format!(" TEST {:.4}", auroc(&y, &s).unwrap());
    }
    println!("{line} {}", &out.weights_digest[..8]);
}
