//! Merges the rows of several instruments into a grouped file.

use super::rows::Rows;

/// A row of a member, ordered by local timestamp, then member, then position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RowPosition {
    local_us: i64,
    member: usize,
    start: usize,
    end: usize,
}

/// Merges rows by local timestamp; rows with the same one stay in the order of the members.
pub(super) fn merge_by_arrival(members: Vec<Rows>) -> Rows {
    let total: usize = members.iter().map(|rows| rows.ends.len()).sum();
    let mut order: Vec<RowPosition> = Vec::with_capacity(total);
    for (member, rows) in members.iter().enumerate() {
        let mut start = 0;
        for (local_us, end) in &rows.ends {
            order.push(RowPosition { local_us: *local_us, member, start, end: *end });
            start = *end;
        }
    }
    order.sort_unstable();
    let mut merged = Rows { text: Vec::new(), ends: Vec::with_capacity(total) };
    for RowPosition { local_us, member, start, end } in order {
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
        let merged = merge_by_arrival(vec![
            rows(&[(1, "a1 "), (3, "a2 "), (3, "a3 ")]),
            rows(&[(0, "b1 "), (3, "b2 ")]),
        ]);
        assert_eq!(String::from_utf8(merged.text).unwrap(), "b1 a1 a2 a3 b2 ");
    }
}
