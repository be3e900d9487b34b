//! The `.npy` format, version 1.0: a header with type and shape, then the values.

use super::{Array, ArrayValues};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The bytes of an array whose shape fits.
pub(super) fn to_bytes(array: &Array) -> Vec<u8> {
    let longest = |values: &[String]| values.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
    let descr = match &array.values {
        ArrayValues::F32(_) => "<f4".to_owned(),
        ArrayValues::F64(_) => "<f8".to_owned(),
        ArrayValues::I64(_) => "<i8".to_owned(),
        ArrayValues::Text(values) => format!("<U{}", longest(values)),
    };
    // As Python writes a tuple: (), (3,), (2, 3).
    let mut shape = array.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    if array.shape.len() == 1 {
        shape.push(',');
    }
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Magic, version, length, header and a line end together fill a multiple of 64 bytes.
    let padding = 64 - (MAGIC.len() + 4 + header.len() + 1) % 64;
    header.extend(std::iter::repeat_n(' ', padding % 64));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    match &array.values {
        ArrayValues::F32(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
        ArrayValues::F64(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
        ArrayValues::I64(values) => values.iter().for_each(|value| bytes.extend(value.to_le_bytes())),
        ArrayValues::Text(values) => {
            let width = longest(values);
            for text in values {
                let letters = text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
                letters.for_each(|letter| bytes.extend(letter.to_le_bytes()));
            }
        }
    }
    bytes
}

/// The array in the bytes of a `.npy` file.
pub(super) fn parse(bytes: &[u8]) -> Result<Array, String> {
    let truncated = || "expected a whole array, found truncated data".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("expected an array as numpy saves it, found other data")?;
    let (length, from) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err(truncated()),
    };
    let header = rest.get(from..).and_then(|rest| rest.get(..length)).ok_or_else(truncated)?;
    let data = &rest[from + length..];
    let header = String::from_utf8_lossy(header);
    let descr = quoted(after(&header, "descr")?).ok_or("expected a type in the header, found none")?;
    if !after(&header, "fortran_order")?.starts_with("False") {
        return Err("expected row-major order, found column-major (save numpy.ascontiguousarray of it)".to_owned());
    }
    let shape = shape(after(&header, "shape")?).ok_or("expected a shape in the header, found none")?;
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).ok_or_else(truncated)?;
    let array = Array { shape, values: values(descr, data)? };
    if array.values.len() == count { Ok(array) } else { Err(truncated()) }
}

/// What follows a key of the header, which is a Python dictionary.
fn after<'a>(header: &'a str, key: &str) -> Result<&'a str, String> {
    let quoted = [format!("'{key}'"), format!("\"{key}\"")];
    let found = quoted.iter().find_map(|key| header.split_once(key.as_str()));
    let rest = found.map(|(_, rest)| rest.trim_start()).and_then(|rest| rest.strip_prefix(':'));
    rest.map(str::trim_start).ok_or_else(|| format!("expected {key:?} in the header, found none"))
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| *c == '\'' || *c == '"')?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

fn shape(text: &str) -> Option<Vec<usize>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    inside.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}

fn values(descr: &str, data: &[u8]) -> Result<ArrayValues, String> {
    fn words<const N: usize, T>(data: &[u8], convert: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let (words, rest) = data.as_chunks::<N>();
        if !rest.is_empty() {
            return Err("expected a whole array, found truncated data".to_owned());
        }
        Ok(words.iter().map(|word| convert(*word)).collect())
    }
    match descr {
        "<f4" => words(data, f32::from_le_bytes).map(ArrayValues::F32),
        "<f8" => words(data, f64::from_le_bytes).map(ArrayValues::F64),
        "<i8" => words(data, i64::from_le_bytes).map(ArrayValues::I64),
        "<i4" => words(data, |word| i64::from(i32::from_le_bytes(word))).map(ArrayValues::I64),
        "|b1" | "|u1" => words(data, |[byte]: [u8; 1]| i64::from(byte)).map(ArrayValues::I64),
        _ => match descr.strip_prefix("<U").and_then(|width| width.parse::<usize>().ok()).filter(|width| *width > 0) {
            Some(width) => {
                let letters = words(data, |word| char::from_u32(u32::from_le_bytes(word)).unwrap_or('\u{fffd}'))?;
                let texts = letters.chunks(width);
                Ok(ArrayValues::Text(
                    texts.map(|text| text.iter().collect::<String>().trim_end_matches('\0').to_owned()).collect(),
                ))
            }
            None => Err(format!("expected float32, float64, int64 or text, found the type {descr:?}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_what_numpy_writes() {
        // numpy 2.4.6: numpy.save of numpy.zeros((2, 3), 'f4'), its first 69 bytes, spaces up to byte 126, a line end.
        let bytes = to_bytes(&Array::f32([2, 3], vec![0.0; 6]));
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes.len(), 128 + 24);
        assert_eq!(bytes[127], b'\n');
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
    }

    #[test]
    fn every_type_and_shape_comes_back() {
        let texts = ["", "a", "äöü€"].map(str::to_owned).to_vec();
        for array in [
            Array::f32([2, 1, 2], vec![1.5, f32::MIN, f32::MAX, 0.0]),
            Array::f64([3], vec![1e300, -0.0, 2.0]),
            Array::i64([], vec![i64::MIN]),
            Array::f32([0, 4], vec![]),
            Array::text(texts),
            Array::text(vec![]),
        ] {
            assert_eq!(parse(&to_bytes(&array)).unwrap(), array);
        }
    }

    #[test]
    fn broken_arrays_are_refused() {
        let whole = to_bytes(&Array::f64([3], vec![1.0, 2.0, 3.0]));
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "{end}");
        }
        let edit = |from: &str, to: &str| {
            let text = whole.iter().map(|&byte| byte as char).collect::<String>().replace(from, to);
            parse(&text.chars().map(|c| c as u8).collect::<Vec<u8>>())
        };
        assert!(edit("False", "True ").unwrap_err().contains("column-major"));
        assert!(edit("<f8", "<c8").unwrap_err().contains("<c8"));
        assert!(edit("(3,)", "(4,)").is_err());
        assert!(edit("(3,)", "(x,)").is_err());
    }
}
