//! Disjoint sets of row numbers.

/// Rows `0..n` in sets that can be joined; the smallest row of a set stands for it, so that nothing depends on the order
/// of joins.
#[derive(Clone, Debug)]
pub struct DisjointSets {
    parent: Vec<usize>,
}

impl DisjointSets {
    /// Every row a set of its own.
    pub fn new(rows: usize) -> Self {
        Self { parent: (0..rows).collect() }
    }

    /// The smallest row of a row's set.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn root(&mut self, mut row: usize) -> usize {
        while self.parent[row] != row {
            self.parent[row] = self.parent[self.parent[row]];
            row = self.parent[row];
        }
        row
    }

    /// Makes one set of the sets of two rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Joins all rows that share a key.
    ///
    /// # Panics
    /// If there are more keys than rows.
    pub fn join_equal<K: Ord>(&mut self, keys: impl IntoIterator<Item = K>) {
        let mut first = std::collections::BTreeMap::new();
        for (row, key) in keys.into_iter().enumerate() {
            self.join(*first.entry(key).or_insert(row), row);
        }
    }

    /// The smallest row of every row's set.
    pub fn roots(&mut self) -> Vec<usize> {
        (0..self.parent.len()).map(|row| self.root(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_in_any_order() {
        let mut forward = DisjointSets::new(6);
        let mut backward = DisjointSets::new(6);
        let pairs = [(5, 4), (1, 2), (4, 2), (3, 3)];
        pairs.iter().for_each(|&(a, b)| forward.join(a, b));
        pairs.iter().rev().for_each(|&(a, b)| backward.join(b, a));
        assert_eq!(forward.roots(), [0, 1, 1, 3, 1, 1]);
        assert_eq!(forward.roots(), backward.roots());
        let mut equal = DisjointSets::new(4);
        equal.join_equal(["b", "a", "b"]);
        assert_eq!(equal.roots(), [0, 1, 0, 3]);
        assert!(DisjointSets::new(0).roots().is_empty());
    }
}
