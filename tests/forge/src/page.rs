//! Pages by number: which part of a list is meant, and what lies around it.

/// One page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) number: usize,
    pub(crate) per_page: usize,
    pub(crate) total: usize,
}

impl Page {
    /// The number of the last page; an empty list has one page.
    pub(crate) fn last(&self) -> usize {
        self.total.div_ceil(self.per_page).max(1)
    }

    pub(crate) fn next(&self) -> Option<usize> {
        (self.number < self.last()).then_some(self.number + 1)
    }

    pub(crate) fn previous(&self) -> Option<usize> {
        (self.number > 1).then(|| (self.number - 1).min(self.last()))
    }

    pub(crate) fn slice<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        let start = (self.number - 1).saturating_mul(self.per_page);
        let end = start.saturating_add(self.per_page).min(rows.len());
        rows.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn the_edges_of_a_list() {
        let page = |number, total| Page {
            number,
            per_page: 100,
            total,
        };
        assert_eq!(page(1, 0).last(), 1);
        assert_eq!(page(1, 100).next(), None);
        assert_eq!(page(1, 101).next(), Some(2));
        assert_eq!(page(9, 101).previous(), Some(2));
        assert_eq!(page(2, 101).slice(&[0; 101]).len(), 1);
        assert_eq!(page(9, 101).slice(&[0; 101]).len(), 0);
        assert_eq!(page(usize::MAX, 1).slice(&[0; 1]).len(), 0);
    }
}
