//! What names the answers of a split, wherever its files lie: [`fingerprint`].

/// blake3 (hex) over the sorted lines `id,label label\n` of photographs, each with its labels in alphabetical order.
pub fn fingerprint<'r, L>(rows: impl IntoIterator<Item = (&'r str, L)>) -> String
where
    L: IntoIterator<Item = &'r str>,
{
    let line = |(image, labels): (&str, L)| {
        let labels: Vec<&str> = labels.into_iter().collect();
        format!("{image},{}\n", labels.join(" "))
    };
    let mut lines: Vec<String> = rows.into_iter().map(line).collect();
    lines.sort();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}
