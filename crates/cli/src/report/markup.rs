//! HTML and SVG that cannot carry unescaped text: a name from a FASTA file is text, whatever it spells.
//!
//! [`Markup`] grows only by tags built here, by escaped text, and by literals of this program (`&'static str`).

use std::fmt::{self, Display, Write};

/// Trusted markup.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Markup(String);

impl Markup {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A literal of this program, taken as it is.
    pub(super) fn literal(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Markup written by a drawing routine of this workspace, taken as it is.
    pub(super) fn drawn(svg: String) -> Self {
        Self(svg)
    }

    /// JSON for a script element: no letter in it can end the element.
    pub(super) fn json(value: &impl serde::Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        let escaped = |c: char| match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(c)),
            _ => c.to_string(),
        };
        Self(text.chars().map(escaped).collect())
    }

    /// Text, escaped.
    pub(super) fn text(text: impl Display) -> Self {
        let mut markup = Self::new();
        markup.push_text(text);
        markup
    }

    /// Appends markup.
    pub(super) fn push(&mut self, other: impl Into<Self>) {
        self.0.push_str(&other.into().0);
    }

    /// Appends text, escaped.
    pub(super) fn push_text(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(Escape(&mut self.0), "{text}");
    }

    /// Appends, for chains.
    pub(super) fn with(mut self, other: impl Into<Self>) -> Self {
        self.push(other);
        self
    }

    /// Appends text, for chains.
    pub(super) fn with_text(mut self, text: impl Display) -> Self {
        self.push_text(text);
        self
    }

    /// The finished string.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl<M: Into<Self>> FromIterator<M> for Markup {
    fn from_iter<I: IntoIterator<Item = M>>(parts: I) -> Self {
        let mut all = Self::new();
        for part in parts {
            all.push(part);
        }
        all
    }
}

/// An element under construction.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    name: &'static str,
    attributes: String,
    content: Markup,
}

/// Starts an element.
pub(super) fn tag(name: &'static str) -> Tag {
    Tag { name, attributes: String::new(), content: Markup::new() }
}

impl Tag {
    /// Sets an attribute; the value is escaped.
    pub(super) fn attr(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push(' ');
        self.attributes.push_str(name);
        self.attributes.push_str("=\"");
        let _ = write!(Escape(&mut self.attributes), "{value}");
        self.attributes.push('"');
        self
    }

    /// Sets the class.
    pub(super) fn class(self, class: &'static str) -> Self {
        self.attr("class", class)
    }

    /// Appends text, escaped.
    pub(super) fn text(mut self, text: impl Display) -> Self {
        self.content.push_text(text);
        self
    }

    /// Appends markup.
    pub(super) fn add(mut self, markup: impl Into<Markup>) -> Self {
        self.content.push(markup);
        self
    }

    /// Appends each part.
    pub(super) fn add_all<M: Into<Markup>>(mut self, parts: impl IntoIterator<Item = M>) -> Self {
        for part in parts {
            self.content.push(part);
        }
        self
    }
}

impl From<Tag> for Markup {
    fn from(tag: Tag) -> Self {
        let Tag { name, attributes, content } = tag;
        // Elements that HTML or SVG writes without an end tag.
        let short = matches!(name, "meta" | "br" | "col" | "path" | "line" | "rect" | "circle" | "use");
        if short && content.0.is_empty() {
            return Self(format!("<{name}{attributes}/>"));
        }
        Self(format!("<{name}{attributes}>{}</{name}>", content.0))
    }
}

/// Escapes what is written through it, for element content and double-quoted attributes alike. Control characters that
/// HTML forbids become the replacement character.
struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(letter),
                // Bidirectional overrides would let a name reorder the text around it.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                _ if letter.is_control() => self.0.push('\u{fffd}'),
                _ => self.0.push(letter),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let markup: Markup = tag("td").attr("title", "\"><script>").text("<b>&'").into();
        assert_eq!(markup.into_string(), "<td title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&#39;</td>");
    }

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(Markup::text("a\0b\u{202e}c\nd").into_string(), "a\u{fffd}b\u{fffd}c\nd");
    }

    #[test]
    fn empty_drawing_elements_are_short_and_others_are_not() {
        assert_eq!(Markup::from(tag("path").attr("d", "M0 0")).into_string(), "<path d=\"M0 0\"/>");
        assert_eq!(Markup::from(tag("td")).into_string(), "<td></td>");
        let titled: Markup = tag("rect").add(tag("title").text("3")).into();
        assert_eq!(titled.into_string(), "<rect><title>3</title></rect>");
    }
}
