"""How analog hardware changes matrix products and a classifier.

Run it with ``python -m applications.mvm_study``; ``--help`` lists the options.

=================  ============================================================================
module             what it does
=================  ============================================================================
`cli`              the command line, and everything that is printed
`default.yaml`     the study that runs without ``--config``; copy it to make your own
`yaml_document`    a YAML file that remembers its line numbers
`config`           reads and checks a study: base setting, mappings, sweeps, grid
`axes`             short names (``adc_bits``) for what is varied, and how they are plotted
`settings`         the study as a list of settings, each with its parameter tree
`files`            matrices and inputs from .npy, .npz, text and Excel files
`workload`         what is computed: the digits classifier, or one product of your own
`measure`          START HERE: calibrate, build one chip, multiply, compare
`wires`            a look inside arrays whose wires have resistance
`statistics`       errors, signal-to-noise ratios, 95 % intervals
`runner`           all chips of all settings, over processes
`store`            the results folder: continued, shown or refused
`summary`          chips to means and intervals, and what they say in a sentence
`figures`          the figures
`tables`           the tables on the terminal
`report`           the page
=================  ============================================================================
"""

IF_STOPPED = "run the same command again to continue"
