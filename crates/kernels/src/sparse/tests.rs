//! Against sums over a dense matrix, on whole numbers, so that results are exact.

use super::*;

/// A matrix with empty rows, a full row and rows of one value.
fn matrix(rows: usize, columns: usize) -> (Vec<usize>, Vec<u32>, Vec<f32>) {
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..rows {
        for column in 0..columns {
            let mixed = (row * 7919 + column * 104_729 + row * column) % 11;
            if row == 1 || (row % 5 != 2 && mixed < 3) {
                indices.push(column as u32);
                values.push(mixed as f32 - 4.0);
            }
        }
        starts.push(values.len());
    }
    (starts, indices, values)
}

fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 31 + seed * 17 + i / 3) % 9) as f32 - 4.0).collect()
}

#[test]
fn products_are_those_of_the_definition() {
    let shapes = [(0, 3), (1, 1), (2, 1), (7, 5), (600, 40)];
    for (rows, columns) in if cfg!(miri) { &shapes[..4] } else { &shapes[..] } {
        let (starts, indices, values) = matrix(*rows, *columns);
        let a = Rows { starts: &starts, indices: &indices, values: &values, columns: *columns };
        for width in [0, 1, 3, 7, 8, 15, 16, 17, 32, 33, 70] {
            let (x, before) = (numbers(1, columns * width), numbers(2, rows * width));
            for accumulate in [false, true] {
                let mut want = if accumulate { before.clone() } else { vec![0.0; rows * width] };
                for row in 0..*rows {
                    for at in starts[row]..starts[row + 1] {
                        for i in 0..width {
                            want[row * width + i] += values[at] * x[indices[at] as usize * width + i];
                        }
                    }
                }
                for level in Level::available() {
                    let mut got = before.clone();
                    multiply(level, a, width, &x, &mut got, accumulate);
                    assert_eq!(got, want, "{level}: {rows} x {columns}, width {width}, {accumulate}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "columns are below 2")]
fn a_column_beyond_the_last_is_refused() {
    let a = Rows { starts: &[0, 1], indices: &[2], values: &[1.0], columns: 2 };
    multiply(Level::best(), a, 1, &[1.0, 2.0], &mut [0.0], false);
}
