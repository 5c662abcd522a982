//! Instances in their groups, as lists show them: [`rows`].

use crate::pipeline::Stage;

/// A line of a list.
pub struct Row {
    /// `encode`; or `train`, and below it `  @resnet18-focal`.
    pub name: String,
    /// Which stage of the list it is; none for the head of a group.
    pub stage: Option<usize>,
}

/// A row a stage, in order; instances of a group that stand together get a head.
pub fn rows<'s>(stages: impl Iterator<Item = &'s Stage>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut open: Option<&str> = None;
    for (at, stage) in stages.enumerate() {
        let Some(instance) = &stage.instance else {
            open = None;
            rows.push(Row { name: stage.name.value.clone(), stage: Some(at) });
            continue;
        };
        if open != Some(&instance.group) {
            open = Some(&instance.group);
            rows.push(Row { name: instance.group.clone(), stage: None });
        }
        rows.push(Row { name: format!("  @{}", instance.suffix), stage: Some(at) });
    }
    rows
}
