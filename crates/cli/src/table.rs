//! Plain tables for a terminal: aligned columns, no borders, readable without colour.

/// A table under construction.
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&h| h.to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Columns whose cells are all numbers are aligned right.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|c| self.lines().map(|row| row.get(c).map_or(0, |s| s.chars().count())).max().unwrap_or(0))
            .collect();
        let numeric: Vec<bool> = (0..self.header.len())
            .map(|c| !self.rows.is_empty() && self.rows.iter().all(|row| row.get(c).is_none_or(|s| is_number(s))))
            .collect();
        let mut out = String::new();
        for row in self.lines() {
            let mut line = String::new();
            for (c, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths.get(c).copied().unwrap_or(0).saturating_sub(cell.chars().count()));
                let right = numeric.get(c).copied().unwrap_or(false);
                line += &if right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.header).chain(&self.rows)
    }
}

fn is_number(cell: &str) -> bool {
    let cell = cell.replace(',', "");
    cell.is_empty() || cell == "–" || cell.trim_end_matches('%').parse::<f64>().is_ok()
}

/// An integer with thousands separators.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Seconds as people say them.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_align_right_and_text_left() {
        let mut table = Table::new(&["name", "n"]);
        table.row(["a".into(), "1,000".into()]);
        table.row(["long".into(), "5".into()]);
        assert_eq!(table.render(), "name      n\na     1,000\nlong      5\n");
    }

    #[test]
    fn counts_and_durations_read_well() {
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!(duration(3.21), "3.2 s");
        assert_eq!(duration(125.0), "2 min 5 s");
    }
}
