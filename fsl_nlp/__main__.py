from fsl_nlp.cli import main

main()
