//! `basewise doctor`: what this machine and this build offer.

use crate::failure::Outcome;
use crate::printer::Printer;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

#[derive(Args)]
#[command(after_help = "Examples:\n  $ basewise doctor\n  $ basewise doctor --json")]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Diagnosis {
    version: &'static str,
    target: String,
    cpu: String,
    cpu_features: Vec<&'static str>,
    cores: usize,
    threads: usize,
    memory_total_mib: Option<u64>,
    memory_available_mib: Option<u64>,
    devices: Vec<String>,
}

pub(crate) fn run(args: &DoctorArgs, printer: &Printer) -> Result<Outcome> {
    let d = diagnose();
    if args.json {
        printer.json(&d)?;
        return Ok(Outcome::Done);
    }
    let memory = match (d.memory_total_mib, d.memory_available_mib) {
        (Some(total), Some(available)) => format!("{total} MiB, {available} MiB available"),
        _ => "unknown on this system".to_owned(),
    };
    let mut lines = vec![
        format!("basewise  {} ({})", d.version, d.target),
        format!("CPU       {}", d.cpu),
        format!("features  {}", d.cpu_features.join(" ")),
        format!("threads   {} of {} cores", d.threads, d.cores),
        format!("memory    {memory}"),
    ];
    lines.extend(d.devices.iter().map(|device| format!("device    {device}")));
    printer.data(&lines.join("\n"))?;
    Ok(Outcome::Done)
}

fn diagnose() -> Diagnosis {
    Diagnosis {
        version: env!("CARGO_PKG_VERSION"),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        cpu: proc_field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cpu_features: cpu_features(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        threads: rayon::current_num_threads(),
        memory_total_mib: meminfo("MemTotal"),
        memory_available_mib: meminfo("MemAvailable"),
        devices: basewise_nn::devices(),
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let all = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    all.into_iter().filter(|&(_, present)| present).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    if cfg!(target_feature = "neon") { vec!["neon"] } else { vec![] }
}

/// The value of the first `key : value` line of a file under /proc, where there is one.
fn proc_field(path: &str, key: &str) -> Option<String> {
    let text = fs_err::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn meminfo(key: &str) -> Option<u64> {
    let kib: u64 = proc_field("/proc/meminfo", key)?.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
