//! Which figures of which worlds, all or quickly.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use netpolicy::model::Options;

use crate::figure::{Figure, Figures};
use crate::kube::Kube;
use crate::rivals::Rivals;
use crate::timing::Budget;
use crate::traffic::Mix;
use crate::updates::{self, Changes};
use crate::world::{AddressPattern, Adversary, Families, Spec, World};
use crate::{addresses, cold, compiling, verdicts};

/// How thorough a run is.
#[derive(Debug, Clone, Copy)]
pub struct Suite {
    /// The time for a figure.
    budget: Budget,
    /// How often a world is compiled.
    compilations: usize,
    /// How often the caches are emptied.
    sweeps: usize,
    /// How many times smaller the adversarial clusters are.
    adversaries_one_in: usize,
    changes: Changes,
    is_quick: bool,
}

const PODS: [usize; 4] = [1_000, 20_000, 100_000, 400_000];
const POLICIES: [usize; 5] = [10, 100, 1_000, 10_000, 50_000];
const PATTERNS: [AddressPattern; 3] = [
    AddressPattern::Dense,
    AddressPattern::Scattered,
    AddressPattern::Adversarial,
];
const FAMILIES: [Families; 3] = [Families::V4, Families::V6, Families::Both];

impl Suite {
    /// Everything.
    pub const ALL: Suite = Suite {
        budget: Budget {
            time: Duration::from_millis(400),
            rounds: 5,
            warms_up: true,
        },
        compilations: 3,
        sweeps: 40,
        adversaries_one_in: 1,
        changes: Changes {
            pods: 2_000,
            policies: 1_000,
            namespaces: 10,
            window: Duration::from_secs(2),
            windows: 3,
        },
        is_quick: false,
    };

    /// What fits in five minutes on two cores that do nothing else.
    pub const QUICK: Suite = Suite {
        budget: Budget {
            time: Duration::from_millis(100),
            rounds: 3,
            warms_up: true,
        },
        compilations: 1,
        sweeps: 10,
        adversaries_one_in: 4,
        changes: Changes {
            pods: 1_000,
            policies: 300,
            namespaces: 3,
            window: Duration::from_secs(1),
            windows: 2,
        },
        is_quick: true,
    };

    /// So little that it only shows that everything works.
    pub const SMOKE: Suite = Suite {
        budget: Budget::ONE_ROUND,
        compilations: 1,
        sweeps: 1,
        adversaries_one_in: 100,
        changes: Changes {
            pods: 10,
            policies: 10,
            namespaces: 2,
            window: Duration::from_millis(20),
            windows: 1,
        },
        is_quick: true,
    };

    /// Every figure of one world, beside its rivals.
    ///
    /// # Errors
    /// Where contestants disagree, or figures cannot be written.
    pub fn world(&self, spec: Spec, figures: &mut Figures) -> Result<()> {
        let world = World::new(spec);
        let (image, report) =
            compiling::measure(&world.name, &world.cluster, self.compilations, figures)?;
        let image = image.image();
        for mix in Mix::ALL {
            verdicts::measure(&world, &image, report.classes, mix, self.budget, figures)?;
        }
        compiling::measure_node(&world.name, &world.cluster, figures)?;
        cold::measure(&world, &image, self.sweeps, figures)?;
        updates::measure(&world, self.changes, figures)?;
        let rivals = Rivals::new(&world);
        for mix in Mix::ALL {
            rivals.measure(&world, &image, mix, self.budget, figures)?;
            addresses::measure(&world, &image, mix, self.budget, figures)?;
        }
        Ok(())
    }

    /// Compiling, and verdicts of one mix, of one world.
    fn point(&self, spec: Spec, figures: &mut Figures) -> Result<()> {
        let world = World::new(spec);
        let (image, report) = compiling::measure(&world.name, &world.cluster, 1, figures)?;
        verdicts::measure(
            &world,
            &image.image(),
            report.classes,
            Mix::Zipf,
            self.budget,
            figures,
        )
    }

    /// Worlds of all sizes: how figures grow with pods and policies, with the pattern of
    /// addresses and with the families.
    ///
    /// # Errors
    /// Where figures cannot be written.
    pub fn scaling(&self, figures: &mut Figures) -> Result<()> {
        let quick_policies = [10, 10_000];
        let (pods, policies) = match self.is_quick {
            true => (&PODS[2..3], &quick_policies[..]),
            false => (&PODS[..], &POLICIES[..]),
        };
        for pods in pods {
            for policies in policies {
                let spec = Spec::new(*pods, *policies, AddressPattern::Dense, Families::Both);
                // That one is measured apart.
                if spec != Spec::HEADLINE {
                    self.point(spec, figures)?;
                }
            }
        }
        let patterns = if self.is_quick {
            &PATTERNS[..1]
        } else {
            &PATTERNS[..]
        };
        for pattern in patterns {
            for families in FAMILIES {
                let spec = Spec::new(100_000, 10_000, *pattern, families);
                if spec != Spec::HEADLINE {
                    self.point(spec, figures)?;
                }
            }
        }
        ratios(figures)
    }

    /// Clusters that are made to be hard to compile.
    ///
    /// # Errors
    /// Where one cannot be compiled, or figures cannot be written.
    pub fn adversaries(&self, figures: &mut Figures) -> Result<()> {
        for adversary in Adversary::value_variants() {
            self.adversary(*adversary, figures)?;
        }
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// Where it cannot be compiled, or figures cannot be written.
    pub fn adversary(&self, adversary: Adversary, figures: &mut Figures) -> Result<()> {
        let world = adversary.world(self.adversaries_one_in);
        let (image, report) = compiling::measure(&world.name, &world.cluster, 1, figures)?;
        verdicts::measure(
            &world,
            &image.image(),
            report.classes,
            Mix::External,
            self.budget,
            figures,
        )
    }

    /// Beside kube-network-policies: with more and more policies in one namespace.
    ///
    /// # Errors
    /// Where the two disagree, or figures cannot be written.
    pub fn kube(&self, kube: &Kube, figures: &mut Figures) -> Result<()> {
        for spec in [0, 10, 100, 1_000].map(Spec::crowded) {
            let world = World::new(spec);
            let (image, _) = world.cluster.compile(&Options::default())?;
            kube.measure(&world, &image, self.budget, figures)?;
        }
        Ok(())
    }
}

/// Throughput and latency on the world of the goals, to compare builds.
///
/// # Errors
/// Where figures cannot be written.
pub fn build(figures: &mut Figures) -> Result<()> {
    let world = World::new(Spec::HEADLINE);
    let (image, report) = world.cluster.compile(&Options::default())?;
    verdicts::measure(
        &world,
        &image.image(),
        report.classes,
        Mix::Zipf,
        Suite::ALL.budget,
        figures,
    )
}

/// What some goals are stated in: one world's time beside another's.
fn ratios(figures: &mut Figures) -> Result<()> {
    let value = |figures: &Figures, name: &str| {
        let figure = figures.all().iter().find(|figure| figure.name == name);
        figure
            .map(|figure| figure.value)
            .with_context(|| format!("{name} was not measured"))
    };
    let headline = "headline/zipf";
    let pairs = [
        ("policies-10-to-10k", headline, "100k/10/dense/both/zipf"),
        (
            "ipv6-to-ipv4",
            "100k/10k/dense/v6/zipf",
            "100k/10k/dense/v4/zipf",
        ),
    ];
    for (name, numerator, denominator) in pairs {
        for measure in ["dependent", "back-to-back"] {
            let [over, under] =
                [numerator, denominator].map(|world| value(figures, &format!("{world}/{measure}")));
            let name = format!("ratio/{name}/{measure}");
            figures.add(Figure::new(name, over? / under?, "x"))?;
        }
    }
    Ok(())
}
