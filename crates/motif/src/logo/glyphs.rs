//! Outlines of the bases' letters. Each fills a box of 100 by 100 exactly, y downwards.

use std::fmt::Write;

/// A base's letter: its id on a page, its colour, its outline.
pub(super) struct Glyph {
    pub(super) letter: char,
    pub(super) color: &'static str,
    pub(super) outline: &'static str,
}

/// Green, blue, orange and red as the field has them, dark enough on white and light enough on black, and told apart
/// by lightness too.
pub(super) const GLYPHS: [Glyph; 6] = [
    Glyph {
        letter: 'A',
        color: "#1f9d3f",
        outline: "M0 100L36 0H64L100 100H77.5L70.4 79.5H29.6L22.5 100ZM35.8 62H64.2L50 21Z",
    },
    Glyph { letter: 'C', color: "#2464c4", outline: "M100 30.77A52 50 0 1 0 100 69.23L78 64.17A29 32 0 1 1 78 35.83Z" },
    Glyph {
        letter: 'G',
        color: "#f2a30f",
        outline: "M97.5 29A51 50 0 1 0 51 100C71 100 90 93 100 82.5V46.5H51V64H78V73C71.5 78.7 62 82 52.5 82\
                  C34.5 82 23 69.5 23 50C23 30.5 34.5 18 51.5 18C63 18 71.2 23.6 75.3 34Z",
    },
    Glyph { letter: 'T', color: "#d8322f", outline: "M0 0H100V19H61.5V100H38.5V19H0Z" },
    Glyph {
        letter: 'U',
        color: "#d8322f",
        outline: "M0 0H23V60C23 74.5 32.5 81.5 50 81.5C67.5 81.5 77 74.5 77 60V0H100V60C100 86 81 100 50 100\
                  C19 100 0 86 0 60Z",
    },
    Glyph { letter: 'N', color: "#8a8f98", outline: "M0 100V0H25L78 64.5V0H100V100H75L22 35.5V100Z" },
];

/// The index in [`GLYPHS`] of base 0..=3, or of `N` for anything else.
pub(super) fn of_base(base: usize, is_rna: bool) -> usize {
    match base {
        3 if is_rna => 4,
        0..=3 => base,
        _ => 5,
    }
}

/// The letters as `<path>` definitions with the ids `bw-A`, `bw-C`, `bw-G`, `bw-T`, `bw-U` and `bw-N`.
pub(super) fn definitions() -> String {
    let mut out = String::from("<defs>");
    for Glyph { letter, color, outline } in &GLYPHS {
        // Writing into a string cannot fail.
        let _ = write!(out, r#"<path id="bw-{letter}" fill="{color}" d="{outline}"/>"#);
    }
    out.push_str("</defs>");
    out
}

/// An invisible `<svg>` with the letters, to be put once into a page whose logos are fragments.
pub fn glyph_defs() -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0" style="position:absolute" aria-hidden="true">{}</svg>"#,
        definitions()
    )
}
