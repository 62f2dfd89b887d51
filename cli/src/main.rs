//! `errand`: the one binary, and the only place that reads arguments and environment.

mod args;
mod belonging;
mod client;
mod command;
mod config;
mod database;
mod entropy;
#[cfg(debug_assertions)]
mod fail_points;
mod folder_lock;
mod logging;
mod seams;
mod stop;
mod wiring;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use args::{
    ArtifactAction, Cli, Command, Health, Listen, ModelFlags, SandboxAction, Target, ToolsAction,
};
use client::Client;
use command::serve::Role;
use command::watch::Until;
use config::{Layers, Loaded, Paths};
use database::Database;

/// A turn is thousands of small allocations on several threads. Measured beside the system's allocator and mimalloc
/// (`docs/performance.md`), this one takes the least processor time for them and keeps no more memory than the system's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Before anything else is set up: inside a sandbox there is little of what the program usually needs.
    if arguments
        .next()
        .is_some_and(|first| first == tools::inside::ARGUMENT)
    {
        return tools::inside::main(arguments);
    }
    end_quietly_on_closed_pipes();
    let cli = Cli::parse();
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(cli, environment)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("errand: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `errand logs … | head` closes our output early, which is no fault.
fn end_quietly_on_closed_pipes() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        let is_print = |text: &&String| text.starts_with("failed printing to std");
        if text
            .filter(is_print)
            .is_some_and(|text| text.contains("Broken pipe"))
        {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

async fn run(cli: Cli, environment: Vec<(String, String)>) -> Result<u8> {
    let environment = &environment;
    match &cli.command {
        Command::Serve(listen) => serve(Role::Serve, &cli, listen_flags(listen), environment).await,
        Command::Api(listen) => serve(Role::Api, &cli, listen_flags(listen), environment).await,
        Command::Worker(health) => {
            serve(Role::Worker, &cli, health_flags(health), environment).await
        }
        Command::Migrate { dry_run } => {
            let (loaded, paths) = load(&cli, Vec::new(), environment)?;
            let database = Database::of(&loaded.config, &paths)?;
            command::migrate::run(&database, &paths, *dry_run).await?;
            Ok(0)
        }
        Command::Adopt => {
            let (loaded, paths) = load(&cli, Vec::new(), environment)?;
            command::adopt::run(&loaded.config, &paths).await?;
            Ok(0)
        }
        Command::Key { action } => {
            let (loaded, paths) = load(&cli, Vec::new(), environment)?;
            let database = Database::of(&loaded.config, &paths)?;
            let opened = command::key::open(&database, &paths, action).await?;
            command::key::run(opened.store.as_ref(), action).await?;
            Ok(0)
        }
        Command::Tools { action } => {
            let config = usable(&cli, environment)?;
            tools_by_hand(&config, action).await
        }
        Command::Sandbox {
            action:
                SandboxAction::Run {
                    timeout,
                    network,
                    workspace,
                    discard,
                    command,
                },
        } => {
            let config = usable(&cli, environment)?;
            let asked = command::cage::Asked {
                argv: command.clone(),
                timeout_s: *timeout,
                network: network.wanted()?,
                workspace: workspace.clone(),
                discard: *discard,
            };
            Box::pin(command::cage::run(&config, asked)).await
        }
        Command::Doctor {
            model,
            config,
            json,
        } => {
            let (loaded, paths) = load(&cli, model_flags(model), environment)?;
            if *config {
                command::doctor::print_settings(loaded, &paths);
                return Ok(0);
            }
            command::doctor::run(&loaded, &paths, *json).await
        }
        Command::Submit(_)
        | Command::Status { .. }
        | Command::List { .. }
        | Command::Why { .. }
        | Command::Dead { .. }
        | Command::Secret { .. }
        | Command::Watch { .. }
        | Command::Logs { .. }
        | Command::Cancel { .. }
        | Command::Budget { .. }
        | Command::Decide { .. }
        | Command::Artifacts { .. } => as_client(&cli, environment).await,
    }
}

/// Settings under which a worker could do its work.
fn usable(cli: &Cli, environment: &[(String, String)]) -> Result<config::Config> {
    let (loaded, _) = load(cli, Vec::new(), environment)?;
    config::refuse_unusable(&loaded)?;
    Ok(loaded.config)
}

async fn tools_by_hand(config: &config::Config, action: &ToolsAction) -> Result<u8> {
    use command::computer;
    let (calls, network) = match action {
        ToolsAction::List { json } => return computer::list(config, *json).map(|()| 0),
        ToolsAction::Describe { tool } => return computer::describe(config, tool).map(|()| 0),
        ToolsAction::Call {
            file: Some(path),
            network,
            ..
        } if path.as_os_str() == "-" => (computer::calls_of(std::io::stdin().lock())?, network),
        ToolsAction::Call {
            file: Some(path),
            network,
            ..
        } => {
            let file = std::fs::File::open(path)
                .with_context(|| format!("could not open {}", path.display()))?;
            (computer::calls_of(std::io::BufReader::new(file))?, network)
        }
        ToolsAction::Call {
            tool,
            arguments,
            network,
            ..
        } => {
            let tool = tool.as_deref().unwrap_or_default();
            (computer::one_call(tool, arguments.as_deref())?, network)
        }
    };
    computer::call(config, calls, network.wanted()?).await
}

async fn serve(
    role: Role,
    cli: &Cli,
    flags: Vec<(&'static str, String)>,
    environment: &[(String, String)],
) -> Result<u8> {
    // Before anything that takes time: a service manager may change its mind at any moment.
    let ending = stop::on_signals()?;
    let (loaded, paths) = load(cli, flags, environment)?;
    if role != Role::Api {
        config::refuse_unusable(&loaded)?;
    }
    logging::start(&loaded.config.log)?;
    let seams = seams::Seams::of(environment)?;
    Box::pin(command::serve::run(
        role,
        seams.config(loaded.config),
        paths,
        &seams,
        &ending,
    ))
    .await?;
    Ok(0)
}

/// The commands that talk to a server. They read no server settings beyond the data folder, where the first key is.
async fn as_client(cli: &Cli, environment: &[(String, String)]) -> Result<u8> {
    let paths = load(cli, Vec::new(), environment)
        .ok()
        .map(|(_, paths)| paths);
    let client = |target: &Target| Client::new(target, environment, paths.as_ref());
    match &cli.command {
        Command::Submit(args) => {
            return command::submit::submit(&client(&args.target)?, args).await;
        }
        Command::Watch { target, task } => {
            return command::watch::watch(&client(target)?, task, target.json, Until::End).await;
        }
        Command::Status { target, task } => {
            command::tasks::status(&client(target)?, task, target.json).await?;
        }
        Command::List {
            target,
            state,
            limit,
        } => {
            command::tasks::list(&client(target)?, state.as_deref(), *limit, target.json).await?;
        }
        Command::Why { target, task } => {
            command::upkeep::why(&client(target)?, task, target.json).await?;
        }
        Command::Dead { action } => {
            command::upkeep::dead(&client(action.target())?, action).await?;
        }
        Command::Secret { action } => {
            command::secret::run(&client(action.target())?, action).await?;
        }
        Command::Logs {
            target,
            task,
            follow,
        } => command::watch::logs(&client(target)?, task, target.json, *follow).await?,
        Command::Cancel {
            target,
            task,
            reason,
            wait,
        } => {
            let how = (reason.as_deref(), *wait);
            command::tasks::cancel(&client(target)?, task, how, target.json).await?;
        }
        Command::Budget {
            target,
            task,
            budget,
        } => {
            command::tasks::raise_budget(&client(target)?, task, budget, target.json).await?;
        }
        Command::Decide {
            target,
            task,
            call,
            decision,
            note,
        } => {
            let body = command::tasks::decision(decision, note.as_deref());
            command::tasks::decide(&client(target)?, (task, call), &body, target.json).await?;
        }
        Command::Artifacts {
            action: ArtifactAction::List { target, task },
        } => {
            command::artifacts::list(&client(target)?, task, target.json).await?;
        }
        Command::Artifacts {
            action:
                ArtifactAction::Get {
                    target,
                    task,
                    name,
                    output,
                    force,
                },
        } => {
            command::artifacts::get(
                &client(target)?,
                task,
                name.as_deref(),
                &command::artifacts::Place {
                    folder: output,
                    force: *force,
                },
            )
            .await?;
        }
        Command::Serve(_)
        | Command::Api(_)
        | Command::Worker(_)
        | Command::Migrate { .. }
        | Command::Adopt
        | Command::Key { .. }
        | Command::Tools { .. }
        | Command::Sandbox { .. }
        | Command::Doctor { .. } => {}
    }
    Ok(0)
}

fn load(
    cli: &Cli,
    mut flags: Vec<(&'static str, String)>,
    environment: &[(String, String)],
) -> Result<(Loaded, Paths)> {
    let settings = &cli.settings;
    let given = [
        ("data_dir", &settings.data_dir),
        ("database_url", &settings.database_url),
        ("log.filter", &settings.log),
    ];
    flags.extend(
        given
            .into_iter()
            .filter_map(|(path, value)| Some((path, value.clone()?))),
    );
    let named = environment
        .iter()
        .find(|(name, _)| name == "ERRAND_CONFIG_FILE")
        .map(|(_, value)| value.into());
    let file = settings.config_file.clone().or(named);
    let loaded = config::load(&Layers {
        file,
        environment: environment.to_vec(),
        flags,
    })?;
    let paths = Paths::of(&loaded.config, environment)?;
    Ok((loaded, paths))
}

fn listen_flags(listen: &Listen) -> Vec<(&'static str, String)> {
    let mut flags = model_flags(&listen.model);
    flags.extend(listen.listen.clone().map(|address| ("listen", address)));
    flags
}

fn health_flags(health: &Health) -> Vec<(&'static str, String)> {
    let mut flags = model_flags(&health.model);
    let address = health.health_listen.clone();
    flags.extend(address.map(|address| ("health_listen", address)));
    flags
}

fn model_flags(model: &ModelFlags) -> Vec<(&'static str, String)> {
    let given = [
        ("model.base_url", &model.model_base_url),
        ("model.planner.model", &model.model),
        ("model.executor.model", &model.executor_model),
    ];
    given
        .into_iter()
        .filter_map(|(path, value)| Some((path, value.clone()?)))
        .collect()
}
