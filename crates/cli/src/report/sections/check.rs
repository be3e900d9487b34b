//! What the data check found: what matters in a table, what passed folded away.

use crate::report::data::{Finding, Severity};
use crate::report::markup::{Markup, Tag, tag};
use crate::report::number::{counted, grouped};
use crate::report::page::{Context, paragraph};
use crate::report::sections::data::column;

/// A sentence, the findings that matter with the worst first, and the checks that passed.
pub(in crate::report) fn findings(findings: &[Finding], context: &mut Context) -> Markup {
    let (passed, mut found): (Vec<&Finding>, Vec<&Finding>) = findings.iter().partition(|f| f.severity == Severity::Ok);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut body = paragraph(Markup::text(verdict(&found, passed.len())));
    if !found.is_empty() {
        let head = tag("tr").add(column("Result", "")).add(column("Looked for", "")).add(column("Found", "num"));
        let rows = found.iter().map(|f| row(f));
        let table = tag("table").class("findings").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
        body.push(context.table(Markup::text("What the data check found, most serious first."), table));
    }
    if !passed.is_empty() {
        let summary = match found.is_empty() {
            true => "What was looked for".to_owned(),
            false => format!("{} passed", counted(passed.len(), "check", "checks")),
        };
        body.push(passes(&passed, &summary));
    }
    body
}

/// The result in one sentence.
fn verdict(found: &[&Finding], passed: usize) -> String {
    let inflating = found.iter().filter(|f| f.severity == Severity::Inflates).count();
    match (inflating, found.len(), passed) {
        (0, 0, 0) => "The check reported nothing.".to_owned(),
        (0, 0, 1) => {
            "The one check passed: it found nothing that would make a result look better than it is.".to_owned()
        }
        (0, 0, n) => {
            format!(
                "All {} checks passed: nothing was found that would make a result look better than it is.",
                grouped(n)
            )
        }
        (0, 1, _) => {
            "Nothing was found that would make a result look better than it is; one thing is worth knowing.".to_owned()
        }
        (0, n, _) => format!(
            "Nothing was found that would make a result look better than it is; {} things are worth knowing.",
            grouped(n)
        ),
        (n, ..) => format!("{} can make a result look better than it is.", counted(n, "finding", "findings")),
    }
}

fn row(finding: &Finding) -> Tag {
    let (class, word) = match finding.severity {
        Severity::Ok => ("badge ok", "passed"),
        Severity::Note => ("badge noted", "note"),
        Severity::Inflates => ("badge inflates", "inflates"),
    };
    let mut what = tag("th").attr("scope", "row").text(&finding.kind);
    what = what.add(tag("div").class("note").text(&finding.message));
    if !finding.examples.is_empty() {
        let names = finding.examples.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
        what = what.add(tag("div").class("note mono").text(names));
    }
    let found = format!("{} of {}", grouped(finding.count), grouped(finding.total));
    tag("tr").add(tag("td").add(tag("span").class(class).text(word))).add(what).add(tag("td").class("num").text(found))
}

/// What was looked for and not found, by kind, folded.
fn passes(passed: &[&Finding], summary: &str) -> Markup {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for finding in passed {
        match kinds.iter_mut().find(|(kind, _)| *kind == finding.kind) {
            Some((_, messages)) => messages.push(&finding.message),
            None => kinds.push((&finding.kind, vec![&finding.message])),
        }
    }
    let items = kinds.into_iter().map(|(kind, messages)| {
        let messages: Vec<&str> = messages.into_iter().filter(|m| !m.is_empty()).collect();
        tag("div").add(tag("dt").text(kind)).add(tag("dd").text(messages.join("; ")))
    });
    tag("details").add(tag("summary").text(summary)).add(tag("dl").class("passed").add_all(items)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity) -> Finding {
        Finding { severity, ..Finding::default() }
    }

    #[test]
    fn the_verdict_counts_what_matters() {
        let (note, bad) = (finding(Severity::Note), finding(Severity::Inflates));
        assert!(verdict(&[], 0).contains("nothing"));
        assert!(verdict(&[], 1).starts_with("The one check passed"));
        assert!(verdict(&[], 21).starts_with("All 21 checks passed"));
        assert!(verdict(&[&note], 3).ends_with("one thing is worth knowing."));
        assert!(verdict(&[&note, &note], 3).ends_with("2 things are worth knowing."));
        assert!(verdict(&[&bad, &note], 3).starts_with("1 finding can make"));
    }

    #[test]
    fn passes_of_one_kind_share_a_line() {
        let pass =
            |kind: &str, message: &str| Finding { kind: kind.into(), message: message.into(), ..Finding::default() };
        let all = [pass("copies", "none in train"), pass("case", ""), pass("copies", "none in <test>")];
        let html = passes(&all.iter().collect::<Vec<_>>(), "3 < 4").into_string();
        assert!(html.contains("<summary>3 &lt; 4</summary>"), "{html}");
        assert!(html.contains("<dt>copies</dt><dd>none in train; none in &lt;test&gt;</dd>"), "{html}");
        assert_eq!(html.matches("<dt>").count(), 2, "{html}");
    }
}
