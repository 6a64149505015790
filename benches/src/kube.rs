//! kube-network-policies' own evaluator, in a process of its own: `rivals/`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use netpolicy::model::{IsolationScope, Options, OwnNode};
use netpolicy::{Connection, ImageBuf};
use serde::Deserialize;
use serde_json::json;

use crate::contestant::Contestant;
use crate::figure::{Figure, Figures};
use crate::timing::Budget;
use crate::traffic::{Mix, draw};
use crate::verdicts::{CONNECTIONS, overlapping};
use crate::world::{World, manifests};

const NAME: &str = "kube-network-policies";
/// How many connections it answers: it takes up to milliseconds for one.
const ASKED: usize = 256;

/// The program of `rivals/`, built.
#[derive(Debug, Clone)]
pub struct Kube {
    program: PathBuf,
}

/// What it prints.
#[derive(Deserialize)]
struct Answer {
    allowed: Vec<bool>,
    nanoseconds: f64,
}

impl Kube {
    /// The program at that path.
    #[must_use]
    pub fn new(program: PathBuf) -> Kube {
        Kube { program }
    }

    /// Measures uniform traffic of a world beside it.
    ///
    /// It differs from the default semantics in three things, two of which are options
    /// here: a pod that any NetworkPolicy selects is final in both directions, and its
    /// own node is evaluated like others. So verdicts are compared with those of an
    /// image with these options. The third is a pod that talks to itself, which is left
    /// out; `compared` says how many connections are left.
    ///
    /// # Errors
    /// Where it cannot be run, a verdict differs, or figures cannot be written.
    pub fn measure(
        &self,
        world: &World,
        image: &ImageBuf,
        budget: Budget,
        figures: &mut Figures,
    ) -> Result<()> {
        let name = |what: &str| format!("{}/uniform/{what}", world.name);
        let mut connections = draw(world, Mix::Uniform, CONNECTIONS);
        let asked: Vec<Connection> = connections
            .iter()
            .copied()
            .filter(|connection| connection.source != connection.destination)
            .take(ASKED)
            .collect();
        let answer = self.ask(world, &asked, budget)?;
        let (like_theirs, _) = world.cluster.compile(&Options {
            isolation: IsolationScope::EitherDirection,
            own_node_ingress: OwnNode::Evaluated,
            ..Options::default()
        })?;
        let like_theirs = like_theirs.image();
        ensure!(
            answer.allowed.len() == asked.len(),
            "{NAME} answered too few connections"
        );
        for (connection, theirs) in asked.iter().zip(&answer.allowed) {
            let ours = like_theirs.allows(connection);
            ensure!(
                ours == *theirs,
                "{connection:?}: netpolicy says {ours}, {NAME} says {theirs}; nothing is timed until they agree"
            );
        }
        figures.add(Figure::new(
            name("compared"),
            asked.len() as f64,
            "connections",
        ))?;
        // Both are asked about the same connections.
        connections = asked.iter().copied().cycle().take(CONNECTIONS).collect();
        let image = image.image();
        let ours = budget.least(vec![overlapping(&connections, &image)])[0];
        figures.add(Figure::new(name("back-to-back"), ours, "ns").versus(NAME, answer.nanoseconds))
    }

    fn ask(&self, world: &World, connections: &[Connection], budget: Budget) -> Result<Answer> {
        let folder = std::env::temp_dir().join(format!("netpolicy-benches-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("cannot make a folder for the rival's input")?;
        let (cluster, lines) = (folder.join("world.json"), folder.join("connections.jsonl"));
        write(&cluster, |file| manifests::write(&world.cluster, file))?;
        write(&lines, |file| {
            for Connection {
                source,
                destination,
                protocol,
                port,
            } in connections
            {
                let line = json!({
                    "source": source, "destination": destination,
                    "protocol": protocol.to_string(), "port": port,
                });
                writeln!(file, "{line}")?;
            }
            Ok(())
        })?;
        let output = Command::new(&self.program)
            .arg("-world")
            .arg(&cluster)
            .arg("-connections")
            .arg(&lines)
            .arg("-time")
            .arg(format!("{}ms", budget.time.as_millis()))
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        std::fs::remove_dir_all(&folder).context("cannot remove the rival's input")?;
        ensure!(
            output.status.success(),
            "{NAME} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).with_context(|| format!("{NAME} answered nonsense"))
    }
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<()> {
    let wrong = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(wrong)?);
    content(&mut file)
        .and_then(|()| file.flush())
        .with_context(wrong)
}
