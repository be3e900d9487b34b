//! The wire format of protocol buffers (<https://protobuf.dev/programming-guides/encoding/>), as far as it is needed to
//! write: numbers, 32-bit floats, and everything else as bytes with a length.

/// The fields of a message, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A whole number; negative ones in two's complement of 64 bits.
    pub(super) fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn data(&mut self, field: u64, bytes: impl ExactSizeIterator<Item = u8>) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.data(field, text.bytes());
    }

    pub(super) fn message(&mut self, field: u64, message: &Self) {
        self.varint(field << 3 | 2);
        self.varint(message.0.len() as u64);
        self.0.extend_from_slice(&message.0);
    }

    /// Adds the fields of another message of the same kind.
    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }

    /// Seven bits a byte, the lowest first; the high bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_the_bytes_of_the_specification() {
        // The examples of "Encoding": 150 in field 1, "testing" in field 2, and a message in field 3.
        let mut inner = Message::default();
        inner.number(1, 150);
        assert_eq!(inner.clone().bytes(), [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.text(2, "testing");
        assert_eq!(message.clone().bytes(), [&[0x12, 0x07][..], b"testing"].concat());
        message.message(3, &inner);
        assert_eq!(message.bytes()[9..], [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut other = Message::default();
        other.number(1, -2i64 as u64);
        other.float(2, 1.0);
        assert_eq!(other.bytes(), [8, 0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0x15, 0, 0, 0x80, 0x3f]);
    }
}
