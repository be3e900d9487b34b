//! Number types and strided views.

use super::Wrong;
use half::{bf16, f16};

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    F16,
    Bf16,
    F32,
    F64,
    /// Whole numbers or truth values of so many bytes.
    Whole(usize),
}

impl Type {
    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Whole(size) => size,
        }
    }

    /// What NumPy and PyTorch call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Whole(_) => "integer",
        }
    }

    /// The little-endian number that starts at `at`, rounded to `f32`; `None` beyond the end and for whole numbers.
    fn read(self, bytes: &[u8], at: usize) -> Option<f32> {
        fn word<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
            bytes.get(at..)?.first_chunk::<N>().copied()
        }
        match self {
            Self::F16 => word(bytes, at).map(|word| f16::from_le_bytes(word).to_f32()),
            Self::Bf16 => word(bytes, at).map(|word| bf16::from_le_bytes(word).to_f32()),
            Self::F32 => word(bytes, at).map(f32::from_le_bytes),
            Self::F64 => word(bytes, at).map(|word| f64::from_le_bytes(word) as f32),
            Self::Whole(_) => None,
        }
    }
}

/// Values of a strided view, in row-major order.
///
/// Offset and strides count numbers, not bytes. At most as many values as the storage has numbers are read, so that a
/// view that repeats numbers cannot fill the memory.
pub(super) fn gather(
    storage: &[u8],
    of: Type,
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> Result<Vec<f32>, Wrong> {
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).ok_or_else(outside)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let held = storage.len() / of.size();
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(offset, |at, (&size, &stride)| at.checked_add((size - 1).checked_mul(stride)?));
    if shape.len() != strides.len() || last.is_none_or(|last| last >= held) {
        return Err(outside());
    }
    if count > held {
        return Err(Wrong::with_hint(
            format!("expected an array of at most the {held} numbers of its storage, found {count}"),
            "save expanded tensors as tensor.contiguous()",
        ));
    }
    let mut values = Vec::with_capacity(count);
    let mut place = vec![0; shape.len()];
    let mut at = offset;
    loop {
        values.push(of.read(storage, at * of.size()).ok_or_else(outside)?);
        // Counts up, the last dimension fastest.
        let mut dimension = shape.len();
        loop {
            if dimension == 0 {
                return Ok(values);
            }
            dimension -= 1;
            place[dimension] += 1;
            at += strides[dimension];
            if place[dimension] < shape[dimension] {
                break;
            }
            at -= place[dimension] * strides[dimension];
            place[dimension] = 0;
        }
    }
}

fn outside() -> Wrong {
    Wrong::new("expected an array within its storage, found one that reaches beyond it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(n: u8) -> Vec<u8> {
        (0..n).flat_map(|i| f32::from(i).to_le_bytes()).collect()
    }

    #[test]
    fn a_view_is_read_in_row_major_order() {
        let bytes = storage(12);
        let all: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(gather(&bytes, Type::F32, 0, &[3, 4], &[4, 1]).unwrap(), all);
        // The transpose of [2, 3] that begins at number 1.
        assert_eq!(gather(&bytes, Type::F32, 1, &[3, 2], &[1, 3]).unwrap(), [1., 4., 2., 5., 3., 6.]);
        assert_eq!(gather(&bytes, Type::F32, 11, &[], &[]).unwrap(), [11.]);
        assert_eq!(gather(&bytes, Type::F32, 99, &[0, 4], &[4, 1]).unwrap(), [0f32; 0]);
        assert_eq!(gather(&bytes, Type::F32, 2, &[4, 1], &[0, 0]).unwrap(), [2.; 4]);
    }

    #[test]
    fn a_view_beyond_its_storage_is_refused() {
        let bytes = storage(12);
        let fails =
            |offset, shape: &[usize], strides: &[usize]| gather(&bytes, Type::F32, offset, shape, strides).is_err();
        assert!(fails(1, &[12], &[1]) && fails(0, &[2, 2], &[11, 1]) && fails(12, &[], &[]));
        assert!(fails(0, &[usize::MAX, 2], &[1, 1]) && fails(0, &[2], &[usize::MAX]) && fails(usize::MAX, &[2], &[1]));
        assert!(fails(0, &[13], &[0]) && fails(0, &[1 << 40], &[0]) && fails(0, &[2], &[]));
    }

    #[test]
    fn other_types_are_rounded_to_f32() {
        // 1.5 and -2 in each type, from the definitions of IEEE 754 and bfloat16.
        for (of, bytes) in [
            (Type::F16, vec![0x00, 0x3e, 0x00, 0xc0]),
            (Type::Bf16, vec![0xc0, 0x3f, 0x00, 0xc0]),
            (Type::F64, [1.5f64.to_le_bytes(), (-2f64).to_le_bytes()].concat()),
        ] {
            assert_eq!(gather(&bytes, of, 0, &[2], &[1]).unwrap(), [1.5, -2.0], "{}", of.name());
        }
    }
}
