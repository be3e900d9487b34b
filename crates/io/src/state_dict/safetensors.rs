//! The safetensors format.

use super::tensor::{Type, gather};
use super::{NamedArray, StateDict, Wrong};
use ::safetensors::tensor::{Dtype, SafeTensors};
use std::cmp::Ordering;

pub(super) fn parse(bytes: &[u8]) -> Result<StateDict, Wrong> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        Wrong::with_hint(format!("expected a safetensors file: {error}"), "it may be truncated: copy it again")
    })?;
    let header = SafeTensors::read_metadata(bytes).ok().and_then(|(_, header)| header.metadata().clone());
    if header.is_some_and(|entries| entries.contains_key("basewise")) {
        return Err(Wrong::with_hint(
            "expected weights of another program, found a model of basewise",
            "its run directory can be used as it is",
        ));
    }
    let mut views = file.tensors();
    views.sort_by(|(a, _), (b, _)| natural(a, b));
    let mut dict = StateDict::default();
    let mut types = Vec::new();
    for (name, view) in views {
        let of = type_of(view.dtype()).ok_or_else(|| {
            let found = format!("{:?}", view.dtype());
            Wrong::new(format!("array {name:?}: expected float16, bfloat16, float32 or float64, found {found}"))
        })?;
        if matches!(of, Type::Whole(_)) {
            dict.integers.push(name);
            continue;
        }
        let shape = view.shape().to_vec();
        let values = gather(view.data(), of, 0, &shape, &row_major(&shape))?;
        types.push(of);
        dict.arrays.push(NamedArray { name, shape, values });
    }
    dict.note_types(&types);
    Ok(dict)
}

fn type_of(dtype: Dtype) -> Option<Type> {
    Some(match dtype {
        Dtype::F16 => Type::F16,
        Dtype::BF16 => Type::Bf16,
        Dtype::F32 => Type::F32,
        Dtype::F64 => Type::F64,
        Dtype::BOOL | Dtype::I8 | Dtype::U8 => Type::Whole(1),
        Dtype::I16 | Dtype::U16 => Type::Whole(2),
        Dtype::I32 | Dtype::U32 => Type::Whole(4),
        Dtype::I64 | Dtype::U64 => Type::Whole(8),
        _ => return None,
    })
}

/// The strides of an array without gaps.
fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i].saturating_mul(shape[i]);
    }
    strides
}

/// Orders names so that numbers within them count by value: `2.weight` before `10.weight`.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    loop {
        let (x, y) = (piece(&mut a_rest), piece(&mut b_rest));
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
        if x.is_empty() && y.is_empty() {
            return a.cmp(b);
        }
    }
}

/// Takes a run of digits, or of anything else, off the front.
fn piece<'a>(text: &mut &'a str) -> &'a str {
    let digit = |c: char| c.is_ascii_digit();
    let first = text.starts_with(digit);
    let end = text.find(|c| digit(c) != first).unwrap_or(text.len());
    let (piece, rest) = text.split_at(end);
    *text = rest;
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_with_their_numbers_by_value() {
        let mut names = ["b", "a.10.weight", "a.2.weight", "a.2.bias", "a", "a.02.bias", ""];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["", "a", "a.02.bias", "a.2.bias", "a.2.weight", "a.10.weight", "b"]);
    }
}
