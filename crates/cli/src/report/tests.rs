//! The page as a whole.

use super::data::*;
use super::fixture::{full_run, page};
use super::render;

const PARTS: [&str; 8] = ["overview", "data", "training", "performance", "examples", "discovery", "filters", "details"];

#[test]
fn every_part_is_present_once() {
    let html = render(&page(vec![full_run("donor"), full_run("acceptor")]));
    for part in PARTS {
        assert_eq!(html.matches(&format!("id=\"{part}\"")).count(), 1, "{part}");
        assert_eq!(html.matches(&format!("id=\"{part}-acceptor\"")).count(), 1, "{part}");
        assert!(html.contains(&format!("href=\"#{part}\"")), "{part}");
    }
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">") && html.ends_with("</html>"));
    assert!(!html.contains("class=\"missing\""));
}

#[test]
fn links_within_the_page_lead_somewhere() {
    let html = render(&page(vec![full_run("donor"), full_run("acceptor")]));
    for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(html.contains(&format!("id=\"{link}\"")), "#{link}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = render(&page(vec![full_run("donor")]));
    let without_names = html.replace("http://www.w3.org/2000/svg", "");
    for sign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!without_names.contains(sign), "{sign}");
    }
}

#[test]
fn figures_and_tables_are_numbered_in_order() {
    let html = render(&page(vec![full_run("donor"), full_run("acceptor")]));
    for kind in ["Figure", "Table"] {
        let open = format!("<b>{kind} ");
        let numbers: Vec<usize> =
            html.split(&open).skip(1).filter_map(|rest| rest.split('.').next()?.parse().ok()).collect();
        assert!(numbers.len() > 5 && numbers.iter().copied().eq(1..=numbers.len()), "{kind} {numbers:?}");
    }
}

/// Puts the text into every field of the data that holds text, except those that choose a layout.
fn with_text_everywhere(data: &ReportData, text: &str) -> ReportData {
    fn walk(value: &mut serde_json::Value, text: &str) {
        match value {
            serde_json::Value::String(held) => *held = text.to_owned(),
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| walk(item, text)),
            serde_json::Value::Object(fields) => {
                fields.iter_mut().filter(|(key, _)| *key != "severity").for_each(|(_, field)| walk(field, text));
            }
            _ => {}
        }
    }
    let mut value = serde_json::to_value(data).unwrap();
    walk(&mut value, text);
    serde_json::from_value(value).unwrap()
}

#[test]
fn no_text_of_the_user_becomes_markup() {
    let attack = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;";
    let plain = render(&with_text_everywhere(&page(vec![full_run("a"), full_run("b")]), "x"));
    let html = render(&with_text_everywhere(&page(vec![full_run("a"), full_run("b")]), attack));
    for open in ["<script", "<img", "onerror=alert(1)>", "'><"] {
        assert_eq!(html.matches(open).count(), plain.matches(open).count(), "{open}");
    }
    assert!(html.contains("&lt;script&gt;"));
}

#[test]
fn empty_data_says_what_is_missing_and_how_to_add_it() {
    let run = RunReport { name: "fresh".into(), path: "my runs/fresh".into(), ..RunReport::default() };
    let html = render(&page(vec![run]));
    for part in PARTS {
        assert!(html.contains(&format!("id=\"{part}\"")), "{part}");
    }
    for command in [
        "basewise explain &#39;my runs/fresh&#39; --method ism -o &#39;my runs/fresh/explain&#39;",
        "basewise motifs filters &#39;my runs/fresh&#39; -o &#39;my runs/fresh/filters&#39;",
        "basewise evaluate &#39;my runs/fresh&#39;",
        "basewise dataset check DATA",
        "basewise report &#39;my runs/fresh&#39;",
    ] {
        assert!(html.contains(command), "{command}");
    }
    assert!(!html.contains("<figure"), "no empty figure");
    assert!(render(&ReportData::default()).contains("There is no run to report."));
}

#[test]
fn undefined_estimates_are_a_dash_with_the_reason() {
    let html = render(&page(vec![full_run("donor")]));
    assert!(
        html.contains("<span class=\"value\">\u{2013}</span> <span class=\"reason\">one class is predicted</span>")
    );
    let mut run = full_run("donor");
    run.headline[0].estimate = Estimate { reason: "the split has one class".into(), ..Estimate::default() };
    let html = render(&page(vec![run]));
    assert!(html.contains("<div class=\"big\">\u{2013}</div><div class=\"reason\">the split has one class</div>"));
}

/// The data with every list cut to this many entries.
fn cut(data: &ReportData, most: usize) -> ReportData {
    fn walk(value: &mut serde_json::Value, most: usize, depth: usize) {
        match value {
            // Runs stay, and so do pairs and rows of four numbers.
            serde_json::Value::Array(items) => {
                if depth > 1 && !items.iter().all(serde_json::Value::is_f64) {
                    items.truncate(most);
                }
                items.iter_mut().for_each(|item| walk(item, most, depth + 1));
            }
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| walk(field, most, depth + 1)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(data).unwrap();
    walk(&mut value, most, 0);
    serde_json::from_value(value).unwrap()
}

#[test]
fn lists_of_no_and_one_entry_are_laid_out() {
    for most in [0, 1] {
        let html = render(&cut(&page(vec![full_run("donor")]), most));
        assert!(!html.contains("NaN") && !html.contains(">inf<"), "{most}");
        assert!(html.contains("id=\"details\""), "{most}");
    }
}

#[test]
fn numbers_that_are_not_finite_are_never_drawn() {
    let mut run = full_run("donor");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        run.training.epochs[1].train_loss = Some(bad);
        run.training.seconds = bad;
        run.data.gc[0].mean = bad;
        for task in &mut run.performance {
            task.metrics[0].model =
                Estimate { value: Some(bad), low: Some(bad), high: Some(bad), reason: String::new() };
            task.scatter = Some(Scatter { points: vec![[bad, 1.0], [0.0, bad]], total: 2 });
            task.calibration = Some(Calibration {
                bins: vec![CalibrationBin { predicted: bad, observed: bad, low: Some(bad), high: None, count: 0 }],
                error: Estimate { value: Some(bad), ..Estimate::default() },
            });
            if let Some(roc) = &mut task.roc {
                roc.model[0].points[1] = [bad, bad];
                roc.model[0].band[0] = [0.0, bad, bad];
            }
        }
        if let Some(explanation) = &mut run.explanation {
            explanation.average_track[0] = [bad; 4];
            explanation.importance_profile[0] = bad;
        }
        if let Some(filters) = &mut run.filters {
            filters.cards[0].probabilities[0] = [bad; 4];
            filters.cards[0].matches[0].q = bad;
        }
        let html = render(&page(vec![run.clone()]));
        for sign in ["NaN", ">inf<", "\"inf\"", "-inf", "inf "] {
            let around = html.find(sign).map(|at| html[..at].chars().rev().take(80).collect::<String>());
            assert_eq!(around.map(|text| text.chars().rev().collect::<String>()), None, "{sign} of {bad}");
        }
    }
}

#[test]
fn a_finding_that_inflates_results_is_said_beside_the_results() {
    let html = render(&page(vec![full_run("donor")]));
    let overview = html.split("id=\"overview\"").nth(1).and_then(|rest| rest.split("</section>").next()).unwrap();
    assert!(overview.contains("found 1 problem") && overview.contains("copies across splits"));
    let mut clean = full_run("donor");
    clean.check = Some(vec![Finding::default()]);
    assert!(!render(&page(vec![clean])).contains("class=\"warning\""));
}

#[test]
fn large_attributions_stay_below_two_megabytes() {
    let mut run = full_run("donor");
    if let Some(explanation) = &mut run.explanation {
        let long: Vec<[f64; 4]> = (0..375).map(|i| [0.0, f64::from(i).sin(), 0.0, 0.0]).collect();
        explanation.examples =
            (0..12).map(|_| ExampleTrack { heights: long.clone(), ..ExampleTrack::default() }).collect();
        explanation.average_track = (0..375).map(|i| [0.1, 0.2, 0.3, 0.4].map(|h| h * f64::from(i))).collect();
    }
    let html = render(&page(vec![run.clone(), run]));
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
}

#[test]
fn the_same_data_gives_the_same_bytes_and_survives_json() {
    let data = page(vec![full_run("donor")]);
    let text = serde_json::to_string(&data).unwrap();
    let again: ReportData = serde_json::from_str(&text).unwrap();
    assert_eq!(render(&again), render(&data));
}

#[test]
fn an_ensemble_shows_each_of_its_members() {
    let mut run = full_run("donor");
    let epochs = std::mem::take(&mut run.training.epochs);
    let member = |number| MemberTraining { number, epochs: epochs.clone(), best_epoch: 3, test: Some(0.9125) };
    run.training.members = (1..=3).map(member).collect();
    let html = render(&page(vec![run.clone()]));
    for part in ["An ensemble of 3 ", "3 models were trained", "Validation loss by epoch of each member", "0.9125"] {
        assert!(html.contains(part), "{part}");
    }
    run.training.members.iter_mut().for_each(|member| member.epochs.clear());
    run.training.members[0].test = Some(f64::NAN);
    let html = render(&page(vec![run]));
    assert!(!html.contains("NaN") && html.contains("3 models were trained"));
}
