"""Sweeps by several processes: a plan on disk, workers that claim its runs, and a driver that starts and watches them.

A sweep's folder is its queue. `planned` writes the plan (which runs, which fits they need), `worker` does runs that
nobody has claimed, `ledger` holds what each worker did, and `driver` starts workers on this machine and shows how they
get on. A worker on another machine is the same command, `bakeoff work SWEEP`; `slurm` submits it as an array job. No
process must live for the sweep to be finished: whoever starts next does what is missing.
"""
