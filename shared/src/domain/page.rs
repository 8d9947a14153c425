//! Pages of lists.
//!
//! `next` and `prev` go by keyset (an opaque `after`), so that a page costs the same wherever it
//! lies and nothing is skipped or shown twice while rows come and go; `page` alone goes by offset,
//! for people, and ends at row 100,000.

/// Largest page.
pub const MAX_PER_PAGE: u32 = 100;
/// Page size where the caller names none.
pub const DEFAULT_PER_PAGE: u32 = 30;
/// The last row that `page` alone reaches.
pub const MAX_OFFSET: u64 = 100_000;
/// Beyond this many rows a filtered list does not tell its total.
pub const MAX_COUNT: i64 = 10_000;

/// Where a page starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start<K> {
    /// At an offset in rows.
    Offset(u64),
    /// Right after this key.
    After(K),
    /// Right before this key.
    Before(K),
}

/// A page that is asked for. `K` is the list's sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The number to report, from 1.
    pub page: u32,
    /// Rows per page, 1–100.
    pub per_page: u32,
    /// Where it starts.
    pub start: Start<K>,
}

impl<K> PageRequest<K> {
    /// The first page of the given size.
    #[must_use]
    pub fn first(per_page: u32) -> Self {
        Self {
            page: 1,
            per_page,
            start: Start::Offset(0),
        }
    }

    /// Rows to skip: nothing where a key says where the page starts.
    #[must_use]
    pub fn offset(&self) -> i64 {
        match self.start {
            Start::Offset(offset) => i64::try_from(offset).unwrap_or(i64::MAX),
            Start::After(_) | Start::Before(_) => 0,
        }
    }

    /// How many rows there are in all where `read` of them were, by [`PageRequest::limit`], and the last
    /// is among them: then nobody has to count.
    #[must_use]
    pub fn total_of(&self, read: usize) -> Option<i64> {
        let Start::Offset(before) = self.start else {
            return None;
        };
        let ends_here = read <= self.per_page as usize && (read > 0 || before == 0);
        let total = i64::try_from(before.saturating_add(read as u64));
        total.ok().filter(|_| ends_here)
    }

    /// Rows to read: one more than the page has, which tells whether others follow.
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from(self.per_page) + 1
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most `per_page` rows, in the list's order.
    pub items: Vec<T>,
    /// Rows in all; `None` where no bounded count tells it.
    pub total: Option<i64>,
    /// Whether rows follow.
    pub has_next: bool,
    /// Whether rows precede.
    pub has_prev: bool,
}

impl<T> Page<T> {
    /// The page of rows that were read by [`PageRequest::limit`]: for [`Start::Before`] away from
    /// the key, that is in the reverse of the list's order.
    #[must_use]
    pub fn cut<K>(request: &PageRequest<K>, mut rows: Vec<T>, total: Option<i64>) -> Self {
        let more = rows.len() > request.per_page as usize;
        rows.truncate(request.per_page as usize);
        let (has_next, has_prev) = match request.start {
            Start::Offset(offset) => (more, offset > 0),
            Start::After(_) => (more, true),
            Start::Before(_) => {
                rows.reverse();
                (true, more)
            }
        };
        Self {
            items: rows,
            total,
            has_next,
            has_prev,
        }
    }

    /// The same page of other things.
    #[must_use]
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            total: self.total,
            has_next: self.has_next,
            has_prev: self.has_prev,
        }
    }
}

/// A bounded count as a total: `None` beyond the bound.
#[must_use]
pub fn bounded(count: i64) -> Option<i64> {
    (count <= MAX_COUNT).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(start: Start<u8>) -> PageRequest<u8> {
        PageRequest {
            page: 2,
            per_page: 2,
            start,
        }
    }

    #[test]
    fn the_last_rows_tell_how_many_there_are() {
        let of = |start, read| request(start).total_of(read);
        assert_eq!(of(Start::Offset(0), 0), Some(0));
        assert_eq!(of(Start::Offset(0), 2), Some(2));
        assert_eq!(of(Start::Offset(4), 1), Some(5));
        // Others follow; there are fewer than were skipped; who knows what was before.
        assert_eq!(of(Start::Offset(0), 3), None);
        assert_eq!(of(Start::Offset(4), 0), None);
        assert_eq!(of(Start::After(1), 1), None);
        assert_eq!(of(Start::Before(1), 1), None);
    }

    #[test]
    fn one_row_more_tells_whether_others_follow() {
        let page = Page::cut(&request(Start::Offset(0)), vec![1, 2, 3], None);
        assert_eq!(
            (page.items, page.has_next, page.has_prev),
            (vec![1, 2], true, false)
        );
        let page = Page::cut(&request(Start::After(2)), vec![3, 4], None);
        assert_eq!(
            (page.items, page.has_next, page.has_prev),
            (vec![3, 4], false, true)
        );
        let page = Page::cut(&request(Start::Before(5)), vec![4, 3, 2], None);
        assert_eq!(
            (page.items, page.has_next, page.has_prev),
            (vec![3, 4], true, true)
        );
    }
}
