//! The document: head, masthead, navigation, one part a run, footer; and the numbers of figures and tables.

use super::charts;
use super::data::{ReportData, RunReport};
use super::markup::{Markup, Tag, tag};
use super::number;
use super::sections;
use std::collections::BTreeSet;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Draws the explained examples that a reader scrolls to; only on pages that have them.
const BROWSER: &str = include_str!("browser.js");
/// Set before the page is painted, so that a chosen theme does not flash.
const EARLY_SCRIPT: &str = "try{const t=localStorage.getItem('basewise-theme');if(t)document.documentElement.dataset.theme=t}catch(e){}\
                            document.documentElement.classList.add('js')";

/// The parts of a run, in the order of the page: id and heading.
const PARTS: [(&str, &str); 8] = [
    ("overview", "Overview"),
    ("data", "Data"),
    ("training", "Training"),
    ("performance", "Performance"),
    ("examples", "Explained examples"),
    ("discovery", "Discovered patterns"),
    ("filters", "First-layer filters"),
    ("details", "Details to repeat it"),
];

/// What a section needs to know about its place in the page.
pub(super) struct Context {
    figures: usize,
    tables: usize,
    /// Appended to the ids of this run's sections; empty for the first run.
    suffix: String,
    /// Whether the page has several runs, so that their names head the sections.
    several: bool,
}

impl Context {
    /// Of a page without runs.
    pub(super) fn plain() -> Self {
        Self { figures: 0, tables: 0, suffix: String::new(), several: false }
    }

    /// A figure with its number and a caption in full sentences.
    pub(super) fn figure(
        &mut self,
        class: &'static str,
        body: impl Into<Markup>,
        caption: impl Into<Markup>,
    ) -> Markup {
        self.figures += 1;
        let number = tag("b").text(format_args!("Figure {}.", self.figures));
        let caption = tag("figcaption").add(number).text(" ").add(caption);
        tag("figure").class(class).add(body).add(caption).into()
    }

    /// A table with its number and a caption above it; wide tables scroll inside their box.
    pub(super) fn table(&mut self, caption: impl Into<Markup>, table: Tag) -> Markup {
        self.tables += 1;
        let number = tag("b").text(format_args!("Table {}.", self.tables));
        let caption = tag("figcaption").add(number).text(" ").add(caption);
        tag("figure").class("table").add(caption).add(scroll(table)).into()
    }

    /// One part of a run, with its id and heading.
    pub(super) fn section(&self, part: &'static str, body: impl Into<Markup>) -> Markup {
        let heading = PARTS.iter().find(|p| p.0 == part).map_or(part, |p| p.1);
        let level = if self.several { "h3" } else { "h2" };
        tag("section").attr("id", self.id(part)).add(tag(level).text(heading)).add(body).into()
    }

    /// The id of a part of this run.
    pub(super) fn id(&self, part: &str) -> String {
        format!("{part}{}", self.suffix)
    }

    /// A heading within a section.
    pub(super) fn heading(&self, text: &str) -> Markup {
        tag(if self.several { "h4" } else { "h3" }).text(text).into()
    }
}

/// A box that scrolls sideways, and can be reached by keyboard.
pub(super) fn scroll(content: impl Into<Markup>) -> Markup {
    tag("div").class("scroll").attr("tabindex", 0).add(content).into()
}

/// A paragraph.
pub(super) fn paragraph(content: impl Into<Markup>) -> Markup {
    tag("p").add(content).into()
}

/// One line that says what is missing and which command adds it.
pub(super) fn missing(what: &str, command: &str, run: &RunReport) -> Markup {
    let report = format!("basewise report {}", shell_word(&run.path, "RUN"));
    tag("p")
        .class("missing")
        .text(what)
        .text(" To add it: ")
        .add(tag("code").text(command))
        .text(", then ")
        .add(tag("code").text(report))
        .text(".")
        .into()
}

/// A path as a shell reads it back; a placeholder if it is unknown.
pub(super) fn shell_word(path: &str, placeholder: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=~".contains(c);
    match path {
        "" => placeholder.to_owned(),
        _ if path.chars().all(plain) && !path.starts_with('-') => path.to_owned(),
        _ => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

/// The whole document.
pub(super) fn document(data: &ReportData) -> Markup {
    let suffixes = suffixes(&data.runs);
    let mut context = Context { several: data.runs.len() > 1, ..Context::plain() };
    let mut main = tag("main").add(masthead(data));
    if data.runs.is_empty() {
        main = main.add(paragraph(Markup::text("There is no run to report.")));
    }
    if context.several {
        main = main.add(sections::comparison(&data.runs, &suffixes, &mut context));
    }
    for (run, suffix) in data.runs.iter().zip(&suffixes) {
        context.suffix.clone_from(suffix);
        main = main.add(run_part(run, &mut context));
    }
    whole(data, navigation(data, &suffixes), main)
}

/// A document without runs around other content; `parts` are ids in it and what the navigation calls them.
pub(super) fn framed(about: &ReportData, parts: &[(&str, &str)], content: impl Into<Markup>) -> Markup {
    let link = |(id, heading): &(&str, &str)| {
        let short = heading.split_once([' ', '\u{a0}']).map_or(*heading, |(short, _)| short);
        tag("li").add(tag("a").attr("href", format_args!("#{id}")).text(short))
    };
    let links = if parts.is_empty() { Markup::new() } else { tag("ul").add_all(parts.iter().map(link)).into() };
    whole(about, contents(links), tag("main").add(masthead(about)).add(content))
}

fn whole(data: &ReportData, navigation: Markup, main: Tag) -> Markup {
    let browses = data.runs.iter().filter_map(|run| run.explanation.as_ref()).any(|e| e.all.len() > e.examples.len());
    let browser = if browses { tag("script").add(Markup::literal(BROWSER)).into() } else { Markup::new() };
    let body = tag("body")
        .add(charts::glyphs())
        .add(tag("a").class("skip").attr("href", "#content").text("Skip to the report"))
        .add(tag("div").class("layout").add(navigation).add(main.attr("id", "content").add(footer(data))))
        .add(tag("script").add(Markup::literal(SCRIPT)))
        .add(browser);
    let html = tag("html").attr("lang", "en").add(head(data)).add(body);
    Markup::literal("<!DOCTYPE html>\n").with(html)
}

fn head(data: &ReportData) -> Tag {
    // No network, whatever slips in: the browser may use only what is in this file.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    tag("head")
        .add(tag("meta").attr("charset", "utf-8"))
        .add(tag("meta").attr("http-equiv", "Content-Security-Policy").attr("content", policy))
        .add(tag("meta").attr("name", "viewport").attr("content", "width=device-width, initial-scale=1"))
        .add(tag("meta").attr("name", "color-scheme").attr("content", "light dark"))
        .add(tag("meta").attr("name", "generator").attr("content", format_args!("basewise {}", data.version)))
        .add(tag("title").text(if data.title.is_empty() { "basewise report" } else { &data.title }))
        .add(Markup::literal("<link rel=\"icon\" href=\"data:,\">"))
        .add(tag("style").add(Markup::literal(STYLE)))
        .add(tag("script").add(Markup::literal(EARLY_SCRIPT)))
}

fn masthead(data: &ReportData) -> Tag {
    let title = if data.title.is_empty() { "Report" } else { &data.title };
    let mut header = tag("header").class("masthead").add(tag("h1").text(title));
    if !data.subtitle.is_empty() {
        header = header.add(tag("p").class("subtitle").text(&data.subtitle));
    }
    header
}

/// One run: its name if there are several, then its parts.
fn run_part(run: &RunReport, context: &mut Context) -> Markup {
    let mut article = tag("article").class("run");
    if context.several {
        article = article.attr("id", context.id("run")).add(tag("h2").class("run-name").text(&run.name));
    }
    article
        .add(sections::overview(run, context))
        .add(sections::data(run, context))
        .add(sections::training(run, context))
        .add(sections::performance(run, context))
        .add(sections::examples(run, context))
        .add(sections::discovery(run, context))
        .add(sections::filters(run, context))
        .add(sections::details(run, context))
        .into()
}

fn navigation(data: &ReportData, suffixes: &[String]) -> Markup {
    let mut lists = Markup::new();
    for (run, suffix) in data.runs.iter().zip(suffixes) {
        let links = PARTS.iter().map(|(id, heading)| {
            let short = match *id {
                "examples" => "Examples",
                "discovery" => "Patterns",
                "filters" => "Filters",
                "details" => "Details",
                _ => heading,
            };
            tag("li").add(tag("a").attr("href", format_args!("#{id}{suffix}")).text(short))
        });
        if data.runs.len() > 1 {
            let name = tag("a").class("run-link").attr("href", format_args!("#run{suffix}")).text(&run.name);
            lists.push(name);
        }
        lists.push(tag("ul").add_all(links));
    }
    contents(lists)
}

/// The navigation around lists of links.
fn contents(links: Markup) -> Markup {
    let contents = tag("div").class("contents").add(tag("div").class("brand").text("basewise")).add(links);
    let toggle = tag("button")
        .attr("type", "button")
        .attr("id", "theme")
        .attr("aria-label", "Switch between light and dark")
        .attr("title", "Switch between light and dark")
        .add(Markup::literal(
            "<svg viewBox=\"0 0 16 16\" width=\"15\" height=\"15\" aria-hidden=\"true\"><circle cx=\"8\" cy=\"8\" r=\"6.5\" \
             fill=\"none\" stroke=\"currentColor\"/><path d=\"M8 1.5a6.5 6.5 0 0 1 0 13Z\" fill=\"currentColor\"/></svg>",
        ));
    tag("nav").attr("aria-label", "Contents").add(contents).add(toggle).into()
}

fn footer(data: &ReportData) -> Markup {
    let mut line = Markup::text("Written by basewise").with_text(if data.version.is_empty() { "" } else { " " });
    line.push_text(&data.version);
    if !data.generated_by.is_empty() {
        line.push_text(" with ");
        line.push(tag("code").text(&data.generated_by));
    }
    let note = "This file is complete in itself: it loads nothing from elsewhere.";
    tag("footer").add(paragraph(line.with_text(". ").with_text(note))).into()
}

/// What is appended to the ids of each run's sections: nothing for the first, then `-name`, made unique.
fn suffixes(runs: &[RunReport]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut all = Vec::with_capacity(runs.len());
    for (i, run) in runs.iter().enumerate() {
        let mut suffix = match i {
            0 => String::new(),
            _ => format!("-{}", slug(&run.name).unwrap_or_else(|| format!("run{}", number::grouped(i + 1)))),
        };
        if !taken.insert(suffix.clone()) {
            suffix = format!("{suffix}-{}", i + 1);
            taken.insert(suffix.clone());
        }
        all.push(suffix);
    }
    all
}

/// Lower-case letters and digits with hyphens between; `None` if nothing is left.
fn slug(name: &str) -> Option<String> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    if words.is_empty() { None } else { Some(words.join("-")) }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn named(names: &[&str]) -> Vec<RunReport> {
        names.iter().map(|name| RunReport { name: (*name).to_owned(), ..RunReport::default() }).collect()
    }

    #[test]
    fn the_first_run_keeps_plain_ids_and_the_others_stay_apart() {
        let runs = named(&["Donor", "Acceptor sites", "acceptor-sites", "\u{3b2}"]);
        assert_eq!(suffixes(&runs), ["", "-acceptor-sites", "-acceptor-sites-3", "-run4"]);
    }

    #[test]
    fn paths_are_quoted_for_the_shell_where_needed() {
        assert_eq!(shell_word("runs/donor", "RUN"), "runs/donor");
        assert_eq!(shell_word("my run", "RUN"), "'my run'");
        assert_eq!(shell_word("it's", "RUN"), "'it'\\''s'");
        assert_eq!(shell_word("", "RUN"), "RUN");
        assert_eq!(shell_word("-x", "RUN"), "'-x'");
    }
}
