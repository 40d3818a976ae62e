//! How figures are printed.

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A row: what it is, and its columns.
pub fn row(name: &str, columns: &[String]) {
    let columns: String = columns.iter().map(|column| format!(" {column:>12}")).collect();
    println!("{name:<50}{columns}");
}

/// The heading of a table.
pub fn head(name: &str, columns: &[&str]) {
    println!();
    row(name, &columns.iter().map(|column| (*column).to_owned()).collect::<Vec<_>>());
}
