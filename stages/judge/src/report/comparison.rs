//! Tables that set models side by side: [`by_model`], a column a model while they are few, else a row a model.

use super::document::Table;

/// How many models still fit side by side.
const SIDE_BY_SIDE: usize = 3;

/// What a table says of one model.
pub(super) struct Entry {
    pub(super) head: String,
    /// The matrix that it is an instance of, plain.
    pub(super) group: Option<String>,
    /// A cell a field.
    pub(super) cells: Vec<String>,
}

/// A table of the same `fields` of every model; `corner` is what its first cell says. Models of a group stand together.
pub(super) fn by_model(caption: &str, corner: &str, fields: &[&str], models: &[Entry]) -> Table {
    table(caption, corner, fields, models, models.len() <= SIDE_BY_SIDE)
}

/// As [`by_model`], of so many models, each of which may have several entries: at one threshold and at tuned ones.
pub(super) fn by_entry(caption: &str, corner: &str, fields: &[&str], entries: &[Entry], models: usize) -> Table {
    table(caption, corner, fields, entries, models <= SIDE_BY_SIDE)
}

fn table(caption: &str, corner: &str, fields: &[&str], models: &[Entry], side_by_side: bool) -> Table {
    if side_by_side {
        let head = std::iter::once(corner.to_owned()).chain(models.iter().map(|model| model.head.clone()));
        let mut table = Table::with_head(caption, head.collect(), 1);
        for (place, field) in fields.iter().enumerate().filter(|_| !models.is_empty()) {
            let cells = models.iter().map(|model| model.cells[place].clone());
            table.row(std::iter::once((*field).to_owned()).chain(cells));
        }
        return table;
    }
    let head = std::iter::once(corner).chain(fields.iter().copied()).map(str::to_owned);
    let mut table = Table::with_head(caption, head.collect(), 1);
    rows(&mut table, models);
    table
}

/// A row a model, the name of a group above its instances.
pub(super) fn rows(table: &mut Table, models: &[Entry]) {
    for (place, model) in models.iter().enumerate() {
        if let Some(group) = &model.group
            && models[..place].iter().all(|above| above.group.as_ref() != Some(group))
        {
            let instances = models.iter().filter(|other| other.group.as_ref() == Some(group)).count();
            table.group(group, instances, []);
        }
        table.row(std::iter::once(model.head.clone()).chain(model.cells.iter().cloned()));
    }
}
