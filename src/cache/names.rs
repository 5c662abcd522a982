//! Many paths in one piece of memory: [`Names`], sorted, as lists of a million files need them.

/// Paths, in the order of their bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    /// Where each path ends in the text.
    ends: Vec<usize>,
}

impl Names {
    /// Names as they were taken apart by [`Names::parts`]; none where they do not fit together or are not sorted.
    pub fn of_parts(text: String, ends: Vec<usize>) -> Option<Self> {
        let mut start = 0;
        for end in &ends {
            if *end < start || !text.is_char_boundary(*end) {
                return None;
            }
            start = *end;
        }
        let names = Self { text, ends };
        let is_whole = start == names.text.len();
        (is_whole && names.iter().zip(names.iter().skip(1)).all(|(a, b)| a < b)).then_some(names)
    }

    pub fn parts(&self) -> (&str, &[usize]) {
        (&self.text, &self.ends)
    }

    /// Adds a path; it comes after those that are there.
    pub fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.text.push_str(part);
        }
        self.ends.push(self.text.len());
    }

    /// Adds paths that come after those that are there.
    pub fn append(&mut self, others: &Self) {
        let start = self.text.len();
        self.text.push_str(&others.text);
        self.ends.extend(others.ends.iter().map(|end| start + end));
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Where a path stands.
    pub fn position(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(name) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Names {
        let mut names = Names::default();
        for name in all {
            names.push(&[name]);
        }
        names
    }

    #[test]
    fn each_path_is_found_where_it_stands_and_no_other() {
        let names = names(&["", "a/b", "ä", "ö.jpg"]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["", "a/b", "ä", "ö.jpg"]);
        for (at, name) in names.iter().enumerate() {
            assert_eq!(names.position(name), Some(at));
        }
        assert_eq!(names.position("a"), None);
        assert_eq!(names.position("z"), None);
    }

    #[test]
    fn parts_that_do_not_fit_together_are_no_names() {
        let whole = names(&["a", "bc"]);
        let (text, ends) = whole.parts();
        assert_eq!(Names::of_parts(text.to_owned(), ends.to_vec()), Some(whole.clone()));
        for ends in [vec![1], vec![1, 2], vec![2, 1], vec![1, 4], vec![1, 3, 3]] {
            assert_eq!(Names::of_parts(text.to_owned(), ends.clone()), None, "{ends:?}");
        }
        assert_eq!(Names::of_parts("ä".to_owned(), vec![1, 2]), None);
        assert_eq!(Names::of_parts("ba".to_owned(), vec![1, 2]), None);
    }
}
