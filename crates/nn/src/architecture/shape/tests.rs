//! Shapes that fit, and the words for those that do not.

use super::*;

#[test]
fn same_padding_puts_the_odd_zero_right() {
    assert_eq!(padding_of(Padding::Same, 10, 5, 1), (2, 2));
    assert_eq!(padding_of(Padding::Same, 10, 4, 1), (1, 2));
    assert_eq!(padding_of(Padding::Same, 10, 3, 4), (0, 1));
    assert_eq!(padding_of(Padding::Same, 10, 1, 4), (0, 0));
    assert_eq!(padding_of(Padding::Valid, 10, 5, 1), (0, 0));
}
