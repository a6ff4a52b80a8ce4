//! Many files as one: a group file holds the rows of all its members by time of arrival.

use super::rows::Rows;

/// The rows of all members by time of arrival; at the same time, those of the earlier member first.
pub(super) fn by_arrival(members: Vec<Rows>) -> Rows {
    let total: usize = members.iter().map(|rows| rows.ends.len()).sum();
    let mut order: Vec<(i64, usize, usize, usize)> = Vec::with_capacity(total);
    for (member, rows) in members.iter().enumerate() {
        let mut start = 0;
        for (local_us, end) in &rows.ends {
            order.push((*local_us, member, start, *end));
            start = *end;
        }
    }
    order.sort_unstable();
    let mut merged = Rows { text: Vec::new(), ends: Vec::with_capacity(total) };
    for (local_us, member, start, end) in order {
        merged.text.extend_from_slice(&members[member].text[start..end]);
        merged.ends.push((local_us, merged.text.len()));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_same_time_keep_their_order() {
        let rows = |list: &[(i64, &str)]| {
            let mut rows = Rows::default();
            for (local_us, text) in list {
                rows.text.extend_from_slice(text.as_bytes());
                rows.ends.push((*local_us, rows.text.len()));
            }
            rows
        };
        let merged =
            by_arrival(vec![rows(&[(1, "a1 "), (3, "a2 "), (3, "a3 ")]), rows(&[(0, "b1 "), (3, "b2 ")])]);
        assert_eq!(String::from_utf8(merged.text).unwrap(), "b1 a1 a2 a3 b2 ");
    }
}
