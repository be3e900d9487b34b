//! Sequences cut into pieces of work, short ones joined and long ones cut.

use basewise_core::Code;

/// Codes of a piece, about: it stays in a core's own cache while all motifs pass over it.
const PIECE: usize = 1 << 16;
/// A code that no window may hold.
const SEPARATOR: u8 = 5;
/// Separators at the end of a piece, so that the last windows are looked at in whole vectors.
const MARGIN: usize = 256;

/// Stretches of sequences in a row, with a separator between them.
pub(super) struct Piece {
    /// 0 to 3 for A C G T, 4 for unknown, 5 between stretches.
    pub(super) codes: Vec<u8>,
    stretches: Vec<Stretch>,
}

struct Stretch {
    /// Of the first code in the piece.
    at: usize,
    sequence: usize,
    /// Of the first code in the sequence.
    from: usize,
    /// Starts beyond these belong to the next piece.
    starts: usize,
}

impl Piece {
    fn new() -> Self {
        Self { codes: Vec::with_capacity(PIECE + 2 * MARGIN), stretches: Vec::new() }
    }

    fn push(&mut self, sequence: usize, from: usize, starts: usize, codes: &[Code]) {
        self.stretches.push(Stretch { at: self.codes.len(), sequence, from, starts });
        self.codes.extend(codes.iter().map(|code| code.base()));
        self.codes.push(SEPARATOR);
    }

    /// The sequence and the place in it of a window that starts there, if the window is this piece's.
    pub(super) fn place(&self, start: usize) -> Option<(usize, usize)> {
        let next = self.stretches.partition_point(|stretch| stretch.at <= start);
        let stretch = self.stretches.get(next.checked_sub(1)?)?;
        let offset = start - stretch.at;
        (offset < stretch.starts).then_some((stretch.sequence, stretch.from + offset))
    }

    fn finish(mut self) -> Self {
        self.codes.resize(self.codes.len() + MARGIN, SEPARATOR);
        self
    }
}

/// Every window of up to `widest` positions is whole in the one piece that its start belongs to.
pub(super) fn cut(sequences: &[&[Code]], widest: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece::new();
    for (index, sequence) in sequences.iter().enumerate() {
        let mut from = 0;
        while from < sequence.len() {
            let starts = (sequence.len() - from).min(PIECE.saturating_sub(piece.codes.len()).max(1));
            let end = (from + starts + widest.max(1) - 1).min(sequence.len());
            piece.push(index, from, starts, &sequence[from..end]);
            from += starts;
            if piece.codes.len() >= PIECE {
                pieces.push(std::mem::replace(&mut piece, Piece::new()).finish());
            }
        }
    }
    if !piece.stretches.is_empty() {
        pieces.push(piece.finish());
    }
    pieces
}
