//! Sizes of arrays, multiplied without wrapping around: what is unsafe behind a size relies on it.

/// The product, which no array has where it is beyond all memory.
#[track_caller]
pub(crate) fn product(sizes: &[usize]) -> usize {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let product = product.filter(|&product| product < isize::MAX as usize / size_of::<f32>());
    assert!(product.is_some(), "an array of {sizes:?} numbers is beyond all memory");
    product.unwrap_or(0)
}

/// Numbers from the first of `rows` rows of `width` numbers, `stride` apart, to the last.
#[track_caller]
pub(crate) fn span(rows: usize, stride: usize, width: usize) -> usize {
    if rows == 0 {
        return 0;
    }
    let end = product(&[rows - 1, stride]).checked_add(width);
    assert!(end.is_some(), "{rows} rows of {width} numbers, {stride} apart, are beyond all memory");
    end.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_and_never_wrap() {
        assert_eq!((product(&[]), product(&[3, 0, 7]), product(&[3, 5, 7])), (1, 0, 105));
        assert_eq!((span(0, 9, 4), span(1, usize::MAX, 4), span(3, 9, 4)), (0, 4, 22));
        for sizes in [[1 << 63, 2], [1 << 61, 1], [usize::MAX, usize::MAX]] {
            assert!(std::panic::catch_unwind(|| product(&sizes)).is_err(), "{sizes:?}");
        }
        assert!(std::panic::catch_unwind(|| span(9, 1 << 61, 1)).is_err());
    }
}
