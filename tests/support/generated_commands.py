"""Generates command lines from a seed: valid words, near misses, wrong types, quoting, with and without -m."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# Words that are valid in any line; a line has at most one of each list.
RIGHT: list[list[str]] = [
    [
        "optimizer=adam",
        "optimizer=sgd",
        "optimizer=momentum",
        "optimizer='rmsprop'",
        "optimizer=lion",
        "optimizer=scratch/adam",
    ],
    ["schedule=cosine", "schedule=constant", "schedule=step", "schedule=null", "schedule=one_cycle"],
    [
        "problem=digits_mlp",
        "problem=digits_softmax",
        "problem=diabetes_linear",
        "problem=breast_cancer_logistic",
        "problem=null",
    ],
    ["seed=0", "seed=3", "data_seed=7", "++seed=2"],
    ["batch_size=16", "batch_size=full", "batch_size='full'", "microbatch=8"],
    ["budget.steps=3", "budget.epochs=1", "budget.epochs=0.5", "budget={epochs: 1}", "budget.examples=100"],
    ["clip.norm=1.0", "clip={value: 0.5}", "clip.value=1", "clip=null", "decay.rate=0.01", "decay=null"],
    ["optimizer.lr=0.01", "optimizer.lr=1e-3", "optimizer.lr=1", "lr_decay=0.9"],
    ["average.kind=ema", "average={kind: swa, start: 0.5}", "stop.patience=3", "stop.divergence=null", "stop=null"],
    ["target=0.9", "target=null", "log_every=5", "validate_every=7", "checkpoint.every=null", "checkpoint=null"],
    ["sweep=name", "sweep=2024", "sweep='a-b'", 'sweep="true"', 'sweep="größe"', "sweep=1e5x"],
    ["deterministic=true", "trainer.precision=64-true", "trainer=cpu", "retries=1", "heartbeat=null", "on_error=stop"],
    ["data.limit=100", "data.split_seed=3", "++data.limit=64", "debug=null", "debug=smoke", "baseline=null", "~debug"],
]
# Words that make every line invalid.
WRONG = [
    *("seed=x", "seed=1.5", "seed=-1", "seed=null", "seed=true", "seed=[1]", "seed={a: 1}", "data_seed=inf", "seed="),
    *(
        "batch_size=0",
        "batch_size=[1]",
        "batch_size=half",
        "batch_size=1.5",
        "batch_size=null",
        "microbatch=0",
        "batch_size=99999",
    ),
    *(
        "budget.steps=many",
        "budget.steps=0",
        "budget.epochs=-1",
        "budget=3",
        "budget=null",
        "budget.epochs=inf",
        "budget={days: 1}",
    ),
    *(
        "clip.norm=-1",
        "clip=0.1",
        "clip.norm=big",
        "+clip.nrom=1",
        "++clip.nrom=1",
        "clip.nrom=1",
        "decay.kind=l2",
        "decay.rate=-1",
    ),
    *("deterministic=maybe", "deterministic=1", "compile=yes", "target=high", "log_every=null", "stop.patience=0", "stop=5"),
    *(
        "optimizer.lr=fast",
        "optimizer.lr=-1",
        "optimizer.lr=inf",
        "optimizer.lr=nan",
        "optimizer.lr=null",
        "optimizer.lr=[0.1]",
    ),
    *(
        "optimizer=adamm",
        "optimizer=5",
        "optimizer=true",
        "optimizer=[adam,sgd]",
        "~optimizer",
        "optimizer=null",
        "optimizer=ADAM",
    ),
    *("problem=2024", "problem=digits", "model=null", "~model", "data=nope", "~data", "trainer=null", "~trainer", "task=none"),
    *("average.kind=mean", "average.decay=1", "average=ema", "groups=5", "groups=[1]", "needs.closures=true", "needs=true"),
    *(
        "trainer.devices=auto",
        "trainer.devices=0",
        "trainer.precision=32",
        "+trainer.limit_val_batches=0",
        "trainer.strategy=dp",
    ),
    *("+zzz=1", "++zzz=1", "zzz=1", "+budget.stpes=1", "++budget.epocs=2", "+logger._target_=x", "+callbacks=[a]", "~zzz"),
    *(
        "sweep=..",
        "sweep='a b'",
        "sweep=a/b",
        "sweep=''",
        "sweep=[a]",
        "sweep=größe",
        "output_dir=null",
        "output_dir=[a]",
        "data_dir=null",
    ),
    *(
        "hydra.run.dir=/x",
        "hydra.sweep.dir=/x",
        "hydra.job.name=x",
        "hydra/launcher=basic",
        "hydra/sweeper=basic",
        "hydra.verbose=true",
    ),
    *(
        "hydra.launcher.partition=x",
        "+hydra.launcher.foo=1",
        "hydra/launcher=locl",
        "hydra={verbose: true}",
        "hydra/job_logging=none",
    ),
    *("optimizer.lr", "=1", "optimizer.lr=0.1=2[", "sweep='a", "data.limit=[1", "model.hidden=[3", "a b=1", "--foo", "-x"),
    *("+optimizer.foreach=true optimizer.fused=true", "+task.label_smoothing=0.1"),
    *("+model.hiden=[3]", "+data.limmit=3", "+optimizer.lrr=1"),
    *(
        "model._target_=subprocess.getoutput",
        "optimizer._target_=os.system",
        "model._target_=nowhere.Net",
        "data._target_=builtins.dict",
    ),
    *(
        "threads=1000",
        "threads=0",
        "workers=0",
        "retries=-1",
        "heartbeat=0",
        "timeout=soon",
        "on_error=ignore",
        "checkpoint.every=x",
    ),
    *(
        "optimizer.lr=${oc.env:NOT_THERE}",
        "seed=${nowhere}",
        "seed=???",
        "logger.project=a/b",
        "engine=fast",
        "engine=explicit trainer=ddp",
    ),
    *("seed=1 seed=2", "optimizer=adam optimizer=sgd", "optimizer.lr=0.1 optimizer.lr=0.2", "budget.steps=2 ++budget.steps=3"),
]
# Words that need -m, without which the line is invalid.
SWEPT = [
    *(
        "seed=0,1",
        "optimizer=adam,sgd",
        "optimizer.lr=0.1,0.01",
        "seed=range(2)",
        "batch_size=16,32",
        "optimizer=choice(adam,lion)",
    ),
    *("clip.norm=null,1", "baseline=null", "schedule=null,cosine", "optimizer=glob(ada*)", "problem=digits_mlp,digits_softmax"),
    *("decay={rate: 0.1},{rate: 0.2}", "seed=0,0,0", "target=0.5,null", "average.kind=none,ema"),
]
WRONG_SWEPT = [
    *("threads=1,2", "sweep=a,b", "logger=none,wandb", "seed=range(0)", "optimizer.lr=interval(0,1)", "optimizer=adam,adamm"),
    *(
        "optimizer=glob(zzz*)",
        "seed=1,x",
        "rerun=true,false",
        "hydra/launcher=local,slurm",
        "output_dir=a,b",
        "optimizer.lr=0.1,-1",
    ),
]


@dataclass(frozen=True)
class Line:
    """A command line; `right` is True if it must be accepted, False if refused, None if either (a character was changed)."""

    words: tuple[str, ...]
    multirun: bool
    right: bool | None


def lines(number: int, seed: int = 0) -> list[Line]:
    """Return `number` command lines, which depend on the seed only."""
    draw = random.Random(seed)
    return [_line(draw) for _ in range(number)]


def _line(draw: random.Random) -> Line:
    kind = draw.choice(["right", "wrong", "wrong", "fuzzed", "swept", "swept_wrong"])
    words = _without_clashes([draw.choice(one) for one in draw.sample(RIGHT, draw.randint(0, 4))])
    multirun = kind.startswith("swept") or draw.random() < 0.3
    right: bool | None = True
    if kind == "wrong":
        words = _joined(words, draw.choice(WRONG))
        right = False
    elif kind == "swept":
        words = _joined(words, draw.choice(SWEPT))
    elif kind == "swept_wrong":
        words, right = _joined(words, draw.choice(WRONG_SWEPT)), False
    elif kind == "fuzzed" and words:
        position = draw.randrange(len(words))
        words[position], right = _fuzzed(draw, words[position]), None
    draw.shuffle(words)
    return Line(tuple(words), multirun, right if right is False else _expectation(words, right))


def _joined(words: Sequence[str], more: str) -> list[str]:
    """Return `words` and `more`, which may be two words, without those of `words` that set the same node."""
    added = more.split(" ") if " " in more and "'" not in more and "{" not in more else [more]
    keys = {_key(word) for word in added}
    return [*(word for word in words if _key(word) not in keys), *added]


def _key(word: str) -> str:
    """Return the node that a word sets: two words for one node may conflict."""
    return word.lstrip("+~").partition("=")[0].partition(".")[0]


def _without_clashes(words: Sequence[str]) -> list[str]:
    return list({_key(word): word for word in words}.values())


def _expectation(words: Sequence[str], right: bool | None) -> bool | None:
    """Return None instead of True if valid words may conflict (lr_decay and an optimizer without a learning rate)."""
    together = {_key(word) for word in words}
    risky = {"optimizer", "clip", "schedule", "average", "problem", "data", "batch_size", "budget", "lr_decay", "stop", "debug"}
    return None if len(together & risky) > 1 else right


def _fuzzed(draw: random.Random, word: str) -> str:
    """Return `word` with a character dropped, doubled, swapped with the next, or replaced."""
    position = draw.randrange(len(word))
    how = draw.randrange(4)
    if how == 0:
        return word[:position] + word[position + 1 :]
    if how == 1:
        return word[:position] + word[position] + word[position:]
    if how == 2 and position + 1 < len(word):
        return word[:position] + word[position + 1] + word[position] + word[position + 2 :]
    return word[:position] + draw.choice("abz019.=,'[]{}()$~+-_ é") + word[position + 1 :]
