//! `capkeep vm`.

use capkeep_report::{Column, Table, Value};
use clap::Subcommand;

use super::Done;
use super::capture::Printing;
use crate::azure::{Azure, block_on, told};

/// See the machines that can be captured on
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Vm {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(List),
}

/// List virtual machines and scale sets
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

/// A machine and what it is.
#[derive(Debug, serde::Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    location: String,
    id: String,
}

impl Vm {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let What::List(List { printing, azure }) = self.what;
        let rows: Vec<Row> = block_on(async {
            let connection = azure.connect().await?;
            let machines = connection.client.machines(&connection.subscription).await.map_err(told)?;
            let sets = connection.client.scale_sets(&connection.subscription).await.map_err(told)?;
            let machines = machines.into_iter().map(|machine| ("virtual machine", machine));
            let all = machines.chain(sets.into_iter().map(|set| ("scale set", set)));
            let rows = all.map(|(kind, machine)| Row {
                name: machine.name,
                kind,
                location: machine.location,
                id: machine.id,
            });
            Ok(rows.collect())
        })?;
        let columns = vec![
            Column::words("name"),
            Column::words("kind"),
            Column::words("region"),
            Column::words("id").at_least(30),
        ];
        let cells = |row: &Row| {
            let id = Value::Path(row.id.clone());
            vec![Value::text(&row.name), Value::text(row.kind), Value::text(&row.location), id]
        };
        let title = "Machines".to_owned();
        let table = Table { title, columns, rows: rows.iter().map(cells).collect(), notes: Vec::new() };
        printing.many(&rows, table)?;
        Ok(Done::Fully)
    }
}
