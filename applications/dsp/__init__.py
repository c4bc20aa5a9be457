"""Signal processing and linear algebra on analog arrays.

Each study is a command, such as ``python -m applications.dsp.dft_2d``; ``--help`` lists its
options. It prints a table, and writes figures, a CSV file, the parameters of the hardware and a
page into a folder. All need the extra ``study``; the transforms themselves need NumPy alone.

=====================  ========================================================================
module                 what it does
=====================  ========================================================================
`dft`                  the Fourier transform of one and of two dimensions, as a class
`dft_1d`               a study: a recording through the transform and back
`dft_2d`               a study: a photograph through the transform and back
`compressed_sensing`   a study: a photograph from fewer measurements than pixels
`linear_systems`       a study: systems of equations, solved to full double precision
`eigen`                a study: principal components of real data
`recovery`             sparse vectors from few measurements: AMP and FISTA
`solvers`              conjugate residuals, and digital refinement around them
`subspaces`            singular vectors by subspace iteration
`transforms`           a transform and its inverse on a chip, with fitted ranges
`products`             products with a core, every vector scaled by itself
`data`                 signals and pictures that come with the libraries, and own ones
`hardware`             options for the hardware, and converter ranges fitted to the work
`study`                what the commands share: options, folder, progress, printing
`report`               tables, CSV and page; `compressed_sensing_figures` are one study's
=====================  ========================================================================
"""

IF_STOPPED = "nothing was written"
