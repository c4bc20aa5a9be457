"""A small network on analog arrays with large programming errors, and how training can adapt to it.

Run it with ``python -m applications.device_aware``; ``--help`` lists the options. It needs PyTorch.

================  =============================================================================
module            what it does
================  =============================================================================
`cli`             the command line, and everything that is printed
`images`          the pictures: scikit-learn's digits, or a folder of MNIST files
`idx`             reads the files that MNIST and its relatives come in
`networks`        the two networks, one per kind of picture
`comparison`      START HERE: trained and run digitally, run on chips, trained with the device
`training`        the training loop, and counting what a network gets right
`results`         the results folder: shown where it is finished, refused where it is another's
`summary`         what the numbers say, in sentences
`tables`          the table on the terminal
`figure`          the figures
`report`          the page
================  =============================================================================
"""

IF_STOPPED = "nothing was finished"
